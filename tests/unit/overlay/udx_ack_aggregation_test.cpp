#include "overlay/transport/udx/ack_aggregation.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {
constexpr std::uint64_t kRate = 1'000'000;
constexpr std::size_t kWindow = 1'000'000;
TimePoint at(Duration time) { return TimePoint{} + time; }
}  // namespace

TEST_CASE("acknowledgements at the bandwidth are no surplus beyond each of them") {
  UdxAckAggregation aggregation;
  for (int i = 1; i < 100; ++i) aggregation.on_ack(at(i * 1ms), 1000, kRate, kWindow);
  CHECK(aggregation.surplus(kRate) <= 1000);
}

TEST_CASE("a bundle is a surplus, remembered for 5 to 10 rounds") {
  UdxAckAggregation aggregation;
  aggregation.on_ack(at(20ms), 20'000, kRate, kWindow);
  CHECK(aggregation.surplus(kRate) == 20'000);
  for (int i = 0; i < 9; ++i) aggregation.on_round();
  CHECK(aggregation.surplus(kRate) == 20'000);
  aggregation.on_round();
  CHECK(aggregation.surplus(kRate) == 0);
}

TEST_CASE("bundles that follow each other add up to what they are ahead of the bandwidth") {
  UdxAckAggregation aggregation;
  aggregation.on_ack(at(20ms), 20'000, kRate, kWindow);
  aggregation.on_ack(at(25ms), 20'000, kRate, kWindow);
  CHECK(aggregation.surplus(kRate) == 35'000);
}

TEST_CASE("a surplus is at most the window, and at most what 100 ms are worth") {
  UdxAckAggregation aggregation;
  aggregation.on_ack(at(1s), 900'000, kRate, 500'000);
  CHECK(aggregation.surplus(100 * kRate) == 500'000);
  CHECK(aggregation.surplus(kRate) == 100'000);
}
