#include "overlay/transport/udx/repeat_timer.hpp"

#include <algorithm>

#include "base/machine.hpp"

namespace cip::overlay {
namespace {

// A single full packet may be acknowledged late: ours hold it for 5 ms.
constexpr Duration kHeldAck = std::chrono::milliseconds(6);
constexpr std::uint8_t kMaxBackoff = 16;

}  // namespace

UdxRepeatTimer::Due UdxRepeatTimer::take_due(TimePoint now, const UdxFlight& flight,
                                             const UdxRtt& rtt) {
  if (flight.empty()) return Due::nothing;
  if (may_die(flight) && progress_ + kUdxDeathTime <= now) return Due::death;
  const auto probe = probe_at(flight, rtt);
  if (probe && *probe <= now) {
    probe_allowed_ = false;
    base_ = now;
    return Due::probe;
  }
  if (base_ + interval(rtt) > now) return Due::nothing;
  base_ = now;
  if (backoff_ < kMaxBackoff) ++backoff_;
  return rtt.has_sample() ? Due::rto : Due::repeat;
}

std::optional<TimePoint> UdxRepeatTimer::deadline(const UdxFlight& flight,
                                                  const UdxRtt& rtt) const {
  if (flight.empty()) return std::nullopt;
  const auto death =
      may_die(flight) ? std::optional(progress_ + kUdxDeathTime) : std::optional<TimePoint>();
  return earliest({base_ + interval(rtt), probe_at(flight, rtt), death});
}

void UdxRepeatTimer::on_sent(TimePoint now, bool alone) {
  last_sent_ = now;
  if (!alone) return;
  base_ = now;
  progress_ = now;
}

void UdxRepeatTimer::on_progress(TimePoint now, bool has_sample) {
  base_ = now;
  progress_ = now;
  backoff_ = 0;
  if (has_sample) probe_allowed_ = true;
}

// From base_ to the next repeat.
Duration UdxRepeatTimer::interval(const UdxRtt& rtt) const {
  if (rtt.has_sample())
    return std::min(rtt.rto() * (1 << std::min(backoff_, kMaxBackoff)), kMaxUdxRto);
  return std::min(kUdxFirstRepeat * (1 << std::min(backoff_, kMaxBackoff)), kUdxLastFirstRepeat);
}

// None while something is known to be lost: then that is what is sent.
std::optional<TimePoint> UdxRepeatTimer::probe_at(const UdxFlight& flight,
                                                  const UdxRtt& rtt) const {
  if (!probe_allowed_ || !rtt.has_sample() || backoff_ > 0) return std::nullopt;
  if (flight.packets_out() == 0 || flight.packets_lost() > 0) return std::nullopt;
  const auto wait = 2 * rtt.srtt() + (flight.packets_out() == 1 ? kHeldAck : Duration{});
  return std::max(base_, last_sent_) + wait;
}

bool UdxRepeatTimer::may_die(const UdxFlight& flight) const {
  return flight.at(flight.first()).transmissions >= kUdxDeathTransmissions;
}

}  // namespace cip::overlay
