#pragma once

// The only place that reads the machine's clocks.

#include <cstdint>
#include <string>

#include "base/time.hpp"

namespace cip::node {

Now now();

// How the clock is set: what it shows, less the time since this machine was started, sleep
// included.
struct ClockSetting {
  std::string boot{};  // names the start of the machine
  std::int64_t offset_ms = 0;
};
ClockSetting clock_setting();

}  // namespace cip::node
