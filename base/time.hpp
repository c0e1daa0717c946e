#pragma once

// Time as an argument. Only a driver or the simulator can say what time it is: Clock has no now().

#include <chrono>
#include <compare>
#include <cstdint>

namespace cip {
inline namespace base {

struct Clock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
};
using Duration = Clock::duration;
using TimePoint = Clock::time_point;

// Milliseconds since 1970, as records and messages carry it.
struct UnixMillis {
  std::uint64_t value = 0;
  auto operator<=>(const UnixMillis&) const = default;
};

// What time it is: monotonic for timers and round trips, wall for expiry and timestamps only.
struct Now {
  TimePoint mono{};
  UnixMillis wall{};
};

inline double to_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace base
}  // namespace cip
