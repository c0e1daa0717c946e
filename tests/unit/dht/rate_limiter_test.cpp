#include "dht/rate_limiter.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::dht;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
const TimePoint kStart = TimePoint{} + std::chrono::hours(1);
}

TEST_CASE("each key is allowed so many in a window") {
  RateLimiter limiter(3, seconds(1));
  for (int i = 0; i < 3; ++i) CHECK(limiter.allow(kStart, 1));
  CHECK_FALSE(limiter.allow(kStart + milliseconds(999), 1));
  CHECK(limiter.allow(kStart, 2));
  CHECK(limiter.allow(kStart + seconds(1), 1));
}

TEST_CASE("when no more keys can be remembered, new ones are refused until old ones have passed") {
  RateLimiter limiter(1, seconds(1));
  std::size_t allowed = 0;
  for (std::uint64_t key = 0; key < 10'000; ++key) allowed += limiter.allow(kStart, key) ? 1 : 0;
  CHECK(allowed == RateLimiter::kMaxKeys);
  CHECK(limiter.memory_bytes() < 500'000);
  CHECK(limiter.allow(kStart + seconds(2), 99'999));
}
