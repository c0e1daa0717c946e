#pragma once

// The timers of packets about which nothing is heard (udx.md 6.3 and 10): repeats of the first
// packets while there is no round trip to go by, the tail loss probe, the retransmission timeout
// with its backing off, and the end of patience.

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "overlay/transport/udx/flight.hpp"
#include "overlay/transport/udx/rtt.hpp"

namespace cip::overlay {

// Between the transmissions of a first packet; the last for ever.
inline constexpr Duration kUdxFirstRepeat = std::chrono::milliseconds(200);
inline constexpr Duration kUdxLastFirstRepeat = std::chrono::seconds(1);
// A stream dies after both without progress.
inline constexpr Duration kUdxDeathTime = std::chrono::seconds(12);
inline constexpr std::uint8_t kUdxDeathTransmissions = 6;

class UdxRepeatTimer {
 public:
  enum class Due {
    nothing,
    probe,   // send one packet more, or the last again
    repeat,  // the first packet, again: nothing was ever heard, which says nothing of congestion
    rto,
    death,
  };
  // What is due. Told once: the next deadline counts from `now`.
  Due take_due(TimePoint now, const UdxFlight& flight, const UdxRtt& rtt);
  std::optional<TimePoint> deadline(const UdxFlight& flight, const UdxRtt& rtt) const;

  // Something leaves that is to be acknowledged; `alone`: nothing was out or lost before it.
  void on_sent(TimePoint now, bool alone);
  // Something was newly acknowledged; with a round trip sample another probe is allowed.
  void on_progress(TimePoint now, bool has_sample);
  // The path was changed: patience begins anew.
  void restart(TimePoint now) { on_progress(now, true); }

 private:
  Duration interval(const UdxRtt& rtt) const;
  std::optional<TimePoint> probe_at(const UdxFlight& flight, const UdxRtt& rtt) const;
  bool may_die(const UdxFlight& flight) const;

  TimePoint base_{};  // the interval counts from here
  TimePoint last_sent_{};
  TimePoint progress_{};  // of the last progress, or when there was first something to wait for
  std::uint8_t backoff_ = 0;
  bool probe_allowed_ = true;
};

}  // namespace cip::overlay
