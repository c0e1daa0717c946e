#include "overlay/punch/sockets.hpp"

#include <iterator>

#include "base/machine.hpp"
#include "overlay/transport/udx/streams.hpp"

namespace cip::overlay {
namespace {

// How often streams on sockets of their own are looked at.
constexpr Duration kSweep = std::chrono::seconds(5);

}  // namespace

std::optional<UdxSocket> PunchSockets::open(PunchId owner) {
  auto number = kFirstPunchSocket;
  for (const auto& [taken, socket] : sockets_) {
    if (taken != number) break;
    ++number;
  }
  if (number >= kFirstPunchSocket + kMaxPunchSockets) return std::nullopt;
  sockets_[number] = {.owner = owner, .stream = 0, .closing = std::nullopt};
  actions_.push(PunchOpen{number});
  return number;
}

void PunchSockets::close(TimePoint now, UdxSocket socket) {
  const auto found = sockets_.find(socket);
  if (found == sockets_.end()) return;
  found->second = {.owner = 0, .stream = 0, .closing = now + kPunchLinger};
}

void PunchSockets::keep(TimePoint now, UdxSocket socket, UdxId stream) {
  sockets_[socket] = {.owner = 0, .stream = stream, .closing = std::nullopt};
  if (!sweep_at_) sweep_at_ = now + kSweep;
}

PunchId PunchSockets::owner_of(UdxSocket socket) const {
  const auto found = sockets_.find(socket);
  return found != sockets_.end() ? found->second.owner : 0;
}

void PunchSockets::handle_timeout(TimePoint now) {
  if (sweep_at_ && *sweep_at_ <= now) sweep(now);
  for (auto at = sockets_.begin(); at != sockets_.end();) {
    const bool is_due = at->second.closing && *at->second.closing <= now;
    if (is_due) actions_.push(PunchClose{at->first});
    at = is_due ? sockets_.erase(at) : std::next(at);
  }
}

void PunchSockets::sweep(TimePoint now) {
  sweep_at_.reset();
  for (auto& [number, socket] : sockets_) {
    if (socket.stream == 0) continue;
    if (streams_.status(socket.stream)) {
      sweep_at_ = now + kSweep;
    } else {
      socket = {.owner = 0, .stream = 0, .closing = now};
    }
  }
}

std::optional<TimePoint> PunchSockets::next_timeout() const {
  Earliest next;
  for (const auto& [number, socket] : sockets_) next.consider(socket.closing);
  next.consider(sweep_at_);
  return next.get();
}

}  // namespace cip::overlay
