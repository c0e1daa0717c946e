#pragma once

// The other side's receive window, and the heartbeats that ask for it while it is closed (udx.md
// 9).

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "overlay/transport/udx/packet.hpp"

namespace cip::overlay {

class UdxPeerWindow {
 public:
  // Of any packet that is not older than the one of the last update.
  void update(const UdxHeader& header);
  // Whether so many bytes more may be sent while `open` are not acknowledged: within the window in
  // bytes, and any one packet if it is not closed.
  bool has_room(std::size_t open, std::size_t bytes) const;

  // To be told after every change whether the closed window is all that holds the stream back, and
  // at its deadline.
  void set_blocked(TimePoint now, bool blocked, Duration rto);
  void handle_timeout(TimePoint now, Duration rto);
  std::optional<TimePoint> deadline() const { return next_heartbeat_; }
  bool wants_heartbeat() const { return heartbeat_; }
  bool take_heartbeat();

 private:
  // Until it says otherwise: stock never advertises less, ours begins with 1 MiB.
  std::uint32_t bytes_ = 1 << 20;
  bool known_ = false;
  UdxSeq seq_ = 0;  // of the packet of the last update
  UdxSeq ack_ = 0;
  bool heartbeat_ = false;
  std::optional<TimePoint> next_heartbeat_;  // while blocked
};

}  // namespace cip::overlay
