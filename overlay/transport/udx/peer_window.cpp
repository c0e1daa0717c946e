#include "overlay/transport/udx/peer_window.hpp"

#include <utility>

namespace cip::overlay {

void UdxPeerWindow::update(const UdxHeader& header) {
  const bool older = known_ && (udx_before(header.seq, seq_) ||
                                (header.seq == seq_ && udx_before(header.ack, ack_)));
  if (older) return;
  known_ = true;
  bytes_ = header.window;
  seq_ = header.seq;
  ack_ = header.ack;
}

bool UdxPeerWindow::has_room(std::size_t open, std::size_t bytes) const {
  return open == 0 ? bytes_ > 0 : open + bytes <= bytes_;
}

void UdxPeerWindow::set_blocked(TimePoint now, bool blocked, Duration rto) {
  if (!blocked) {
    next_heartbeat_.reset();
    heartbeat_ = false;
  } else if (!next_heartbeat_) {
    heartbeat_ = true;
    next_heartbeat_ = now + rto;
  }
}

void UdxPeerWindow::handle_timeout(TimePoint now, Duration rto) {
  if (!next_heartbeat_ || *next_heartbeat_ > now) return;
  heartbeat_ = true;
  next_heartbeat_ = now + 2 * rto;
}

bool UdxPeerWindow::take_heartbeat() { return std::exchange(heartbeat_, false); }

}  // namespace cip::overlay
