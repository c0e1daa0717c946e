#include "dht/dead_list.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::dht;
using std::chrono::minutes;

namespace {
const TimePoint kStart = TimePoint{} + std::chrono::hours(1);
Endpoint endpoint(std::size_t n) { return {0x0a000000u + static_cast<std::uint32_t>(n), 1}; }
}  // namespace

TEST_CASE("a dead address is remembered for three minutes, or until it is heard of") {
  DeadList dead;
  dead.add(kStart, endpoint(1));
  dead.add(kStart, endpoint(2));
  CHECK(dead.contains(kStart + minutes(2), endpoint(1)));
  CHECK_FALSE(dead.contains(kStart + minutes(3), endpoint(1)));
  dead.forget(endpoint(2));
  CHECK_FALSE(dead.contains(kStart, endpoint(2)));
}

TEST_CASE("the list of the dead has a bound, and the oldest makes room") {
  DeadList dead;
  for (std::size_t n = 0; n <= DeadList::kMaxEntries; ++n) dead.add(kStart, endpoint(n));
  CHECK_FALSE(dead.contains(kStart, endpoint(0)));
  CHECK(dead.contains(kStart, endpoint(1)));
  CHECK(dead.contains(kStart, endpoint(DeadList::kMaxEntries)));
}
