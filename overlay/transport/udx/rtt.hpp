#pragma once

// The round trip of a stream: smoothed, its variation, its minimum, and the retransmission timeout
// that follows (udx.md 6.2 and 6.3; RFC 6298). Microseconds: a clock of milliseconds calls a
// loopback round trip 0 and repeats without need.

#include "base/time.hpp"
#include "overlay/transport/udx/windowed.hpp"

namespace cip::overlay {

inline constexpr Duration kMinUdxRto = std::chrono::milliseconds(300);
inline constexpr Duration kMaxUdxRto = std::chrono::seconds(8);
inline constexpr Duration kFirstUdxRto = std::chrono::seconds(1);  // without a sample
inline constexpr Duration kMinRttWindow = std::chrono::seconds(300);

class UdxRtt {
 public:
  // One round trip of a packet that was sent once. Above 5 s and above srtt + 5 rttvar it is cut to
  // that: the machine slept. Below 0 it counts as 0.
  void sample(TimePoint now, Duration rtt);

  bool has_sample() const { return has_sample_; }
  Duration srtt() const { return srtt_; }  // 0 without a sample; may be 0 with one
  Duration rttvar() const { return rttvar_; }
  Duration min_rtt() const { return min_.best(); }  // of the last 300 s; 0 without a sample
  // From 300 ms to 8 s. Backing it off is the business of the timer.
  Duration rto() const;

 private:
  bool has_sample_ = false;
  Duration srtt_{};
  Duration rttvar_{};
  WindowedMin<Duration, TimePoint> min_;
};

}  // namespace cip::overlay
