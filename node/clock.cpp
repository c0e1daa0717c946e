#include "node/clock.hpp"

#include <time.h>

#include <chrono>
#include <fstream>

namespace cip::node {

Now now() {
  using std::chrono::duration_cast;
  const auto mono = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto millis = duration_cast<std::chrono::milliseconds>(wall).count();
  return {TimePoint{duration_cast<Duration>(mono)}, {static_cast<std::uint64_t>(millis)}};
}

ClockSetting clock_setting() {
  static const std::string boot = [] {
    std::string id;
    std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
    return id;
  }();
  timespec up{};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  const auto wall = static_cast<std::int64_t>(now().wall.value);
  return {boot, wall - (up.tv_sec * 1000 + up.tv_nsec / 1'000'000)};
}

}  // namespace cip::node
