#include "overlay/punch/side.hpp"

#include <algorithm>
#include <utility>

namespace cip::overlay {

using dht::Firewall;

PunchSide::PunchSide(PunchRoom& room, PunchId id, Role role, Endpoint peer)
    : room_(room), id_(id), role_(role), peer_(peer) {}

PunchSide::~PunchSide() {
  for (const auto socket : sockets_) room_.close_socket(socket);
}

// --- The own socket ----------------------------------------------------------------------------

bool PunchSide::open(Now now) {
  const auto socket = room_.open_socket(id_);
  if (!socket) return false;
  for (const auto former : sockets_) room_.close_socket(former);
  sockets_ = {*socket};
  nat_ = {};
  asked_.clear();
  pings_ = 0;
  sampled_again_ = false;
  sample(now);
  return true;
}

bool PunchSide::reopen(Now now) {
  if (reopened_ == kMaxReopened) return false;
  ++reopened_;
  return open(now);
}

void PunchSide::keep(UdxSocket socket) {
  for (const auto each : sockets_) {
    if (each != socket) room_.close_socket(each);
  }
  sockets_.clear();
}

void PunchSide::sample(Now now) {
  pings_ += room_.ping_nodes(now, socket(), peer_.realm(), asked_);
  if (pings_ == 0) nat_.conclude();
}

void PunchSide::handle_seen(Now now, UdxSocket socket, Endpoint seen, Endpoint from) {
  if (socket != this->socket()) return;
  nat_.add(seen, from);
  handle_silence(now, socket);
}

// Who did not answer is made up for once.
void PunchSide::handle_silence(Now now, UdxSocket socket) {
  if (socket != this->socket()) return;
  --pings_;
  if (pings_ > 0) return;
  if (!nat_.is_decided() && !std::exchange(sampled_again_, true)) return sample(now);
  nat_.conclude();
}

bool PunchSide::is_unstable() const {
  const bool both_random = remote_ == Firewall::random && nat_.firewall() == Firewall::random;
  return both_random || nat_.firewall() == Firewall::unknown;
}

// --- The other side ----------------------------------------------------------------------------

void PunchSide::take_remote(const PunchMessage& message, std::uint32_t verified) {
  const auto was_verified = [this](std::uint32_t ip) {
    return std::ranges::any_of(targets_, [ip](const PunchTarget& target) {
      return target.verified && target.address.ip == ip;
    });
  };
  std::vector<PunchTarget> targets;
  for (const auto address : message.addresses) {
    if (address.is_any()) continue;
    targets.push_back({address, address.ip == verified || was_verified(address.ip)});
  }
  targets_ = std::move(targets);
  remote_ = static_cast<Firewall>(
      std::min(message.firewall, static_cast<std::uint64_t>(Firewall::random)));
  remote_punches_ = message.punching;
}

// --- Probes ------------------------------------------------------------------------------------

bool PunchSide::needs_random_turn() const {
  return remote_ == Firewall::random || nat_.firewall() == Firewall::random;
}

bool PunchSide::punch(Now now) {
  if (is_punching()) return true;
  if (is_unstable() || targets_.empty()) return false;
  if (!needs_random_turn()) {
    schedule_ = PunchSchedule::consistent(now, role_, socket(), targets_);
  } else {
    const auto host = std::ranges::find_if(targets_, &PunchTarget::verified);
    if (host == targets_.end()) return false;
    if (remote_ == Firewall::random) {
      schedule_ = PunchSchedule::guessing(now, socket(), host->address.ip);
    } else {
      while (sockets_.size() < kBirthdaySockets) {
        const auto more = room_.open_socket(id_);
        if (!more) break;
        sockets_.push_back(*more);
      }
      schedule_ = PunchSchedule::birthday(now, sockets_, host->address);
    }
  }
  handle_timeout(now);
  return true;
}

void PunchSide::handle_timeout(Now now) {
  if (!schedule_) return;
  schedule_->handle_timeout(now, room_.random());
  while (const auto probe = schedule_->poll_probe()) room_.probe(*probe);
}

std::optional<TimePoint> PunchSide::next_timeout() const {
  return schedule_ ? schedule_->next_timeout() : std::nullopt;
}

}  // namespace cip::overlay
