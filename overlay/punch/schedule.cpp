#include "overlay/punch/schedule.hpp"

#include <algorithm>
#include <utility>

namespace cip::overlay {
namespace {

constexpr unsigned kUnverifiedEvery = 4;
// The near probes of all sockets left together: they are given time to open the NAT.
constexpr Duration kBirthdayRest = std::chrono::milliseconds(100);
constexpr unsigned kPorts = 65'536;

}  // namespace

PunchSchedule::PunchSchedule(Kind kind, TimePoint first, std::vector<UdxSocket> sockets,
                             std::vector<PunchTarget> targets)
    : kind_(kind), sockets_(std::move(sockets)), targets_(std::move(targets)), next_(first) {}

PunchSchedule PunchSchedule::consistent(Now now, Role role, UdxSocket socket,
                                        std::vector<PunchTarget> targets) {
  const auto wait = role == Role::initiator ? Duration{} : kPunchRound;
  return {Kind::consistent, now.mono + wait, {socket}, std::move(targets)};
}

PunchSchedule PunchSchedule::guessing(Now now, UdxSocket socket, std::uint32_t host) {
  return {Kind::guessing, now.mono, {socket}, {{{host, 0}, true}}};
}

PunchSchedule PunchSchedule::birthday(Now now, std::vector<UdxSocket> sockets, Endpoint to) {
  PunchSchedule out{Kind::birthday, now.mono + kBirthdayRest, std::move(sockets), {{to, true}}};
  for (const auto socket : out.sockets_) out.due_.push_back({socket, to, ProbeReach::near});
  return out;
}

unsigned PunchSchedule::steps() const {
  return kind_ == Kind::consistent ? kPunchRounds : kRandomProbes;
}

Duration PunchSchedule::pause() const {
  return kind_ == Kind::consistent ? kPunchRound : kRandomProbe;
}

// The last step is followed by a pause too: its probe may still arrive.
void PunchSchedule::handle_timeout(Now now, Random& random) {
  if (!next_ || *next_ > now.mono) return;
  if (done_ == steps()) return next_.reset();
  step(random);
  ++done_;
  next_ = std::max(*next_ + pause(), now.mono);  // what was slept through is not caught up
}

void PunchSchedule::step(Random& random) {
  switch (kind_) {
    case Kind::consistent:
      for (const auto& target : targets_) {
        const bool turn = target.verified || (done_ + 1) % kUnverifiedEvery == 0;
        if (turn) due_.push_back({sockets_.front(), target.address, ProbeReach::far});
      }
      return;
    case Kind::guessing: {
      const auto port = kFirstGuess + random.below(kPorts - kFirstGuess);
      const Endpoint to{targets_.front().address.ip, static_cast<std::uint16_t>(port)};
      return due_.push_back({sockets_.front(), to, ProbeReach::far});
    }
    case Kind::birthday: {
      const auto reach = done_ < sockets_.size() ? ProbeReach::near : ProbeReach::far;
      return due_.push_back({sockets_[done_ % sockets_.size()], targets_.front().address, reach});
    }
  }
}

std::optional<PunchProbe> PunchSchedule::poll_probe() {
  if (due_.empty()) return std::nullopt;
  const auto probe = due_.back();
  due_.pop_back();
  return probe;
}

}  // namespace cip::overlay
