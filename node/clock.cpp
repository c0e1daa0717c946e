#include "node/clock.hpp"

#include <chrono>

namespace cip::node {

Now now() {
  using std::chrono::duration_cast;
  const auto mono = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto millis = duration_cast<std::chrono::milliseconds>(wall).count();
  return {TimePoint{duration_cast<Duration>(mono)}, {static_cast<std::uint64_t>(millis)}};
}

}  // namespace cip::node
