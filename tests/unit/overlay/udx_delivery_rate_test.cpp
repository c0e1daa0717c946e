#include "overlay/transport/udx/delivery_rate.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {
constexpr std::size_t kPacket = 1000;
TimePoint at(Duration time) { return TimePoint{} + time; }
}  // namespace

TEST_CASE("a flight is delivered at its bytes over its round trip") {
  UdxDeliveryRate rate;
  const auto first = rate.on_sent(at(0ms), 0);
  const auto second = rate.on_sent(at(0ms), kPacket);
  rate.on_delivered(at(50ms), first, kPacket);
  rate.on_delivered(at(50ms), second, kPacket);
  const auto sample = rate.take_sample(at(50ms), 50ms);
  CHECK(sample.delivered == 2 * kPacket);
  CHECK(sample.interval == 50ms);
  CHECK(sample.bytes_per_second == 40'000);
  CHECK(sample.prior_delivered == 0);
  CHECK(sample.total_delivered == 2 * kPacket);
  CHECK_FALSE(sample.app_limited);
}

TEST_CASE("acknowledgements that come together are no faster than the packets left") {
  UdxDeliveryRate rate;
  const auto first = rate.on_sent(at(0ms), 0);
  const auto last = rate.on_sent(at(90ms), kPacket);
  rate.on_delivered(at(100ms), first, kPacket);
  rate.take_sample(at(100ms), 10ms);
  rate.on_delivered(at(100ms), last, kPacket);
  const auto sample = rate.take_sample(at(100ms), 10ms);
  CHECK(sample.interval == 100ms);
  CHECK(sample.bytes_per_second == 20'000);
}

TEST_CASE("packets that left together are no faster than their acknowledgements came") {
  UdxDeliveryRate rate;
  const auto first = rate.on_sent(at(0ms), 0);
  const auto last = rate.on_sent(at(0ms), kPacket);
  rate.on_delivered(at(50ms), first, kPacket);
  rate.take_sample(at(50ms), 50ms);
  rate.on_delivered(at(150ms), last, kPacket);
  CHECK(rate.take_sample(at(150ms), 50ms).interval == 150ms);
}

TEST_CASE("an interval shorter than the least round trip is no rate") {
  UdxDeliveryRate rate;
  const auto mark = rate.on_sent(at(0ms), 0);
  rate.on_delivered(at(10ms), mark, kPacket);
  const auto sample = rate.take_sample(at(10ms), 50ms);
  CHECK_FALSE(sample.bytes_per_second);
  CHECK(sample.total_delivered == kPacket);
}

TEST_CASE("no time at all is no rate") {
  UdxDeliveryRate rate;
  rate.on_delivered(at(0ms), rate.on_sent(at(0ms), 0), kPacket);
  CHECK_FALSE(rate.take_sample(at(0ms), 0ms).bytes_per_second);
}

TEST_CASE("a sample is of what was delivered since the last one; without any there is none") {
  UdxDeliveryRate rate;
  rate.on_delivered(at(50ms), rate.on_sent(at(0ms), 0), kPacket);
  rate.take_sample(at(50ms), 50ms);
  const auto sample = rate.take_sample(at(60ms), 50ms);
  CHECK_FALSE(sample.bytes_per_second);
  CHECK(sample.prior_delivered == kPacket);
}

TEST_CASE("idle time is not part of an interval") {
  UdxDeliveryRate rate;
  rate.on_delivered(at(50ms), rate.on_sent(at(0ms), 0), kPacket);
  rate.take_sample(at(50ms), 50ms);
  rate.on_delivered(at(10s + 50ms), rate.on_sent(at(10s), 0), kPacket);
  CHECK(rate.take_sample(at(10s + 50ms), 50ms).interval == 50ms);
}

TEST_CASE("the newest packet of several gives the sample, in whichever order they are told") {
  UdxDeliveryRate rate;
  const auto old = rate.on_sent(at(0ms), 0);
  rate.on_delivered(at(40ms), rate.on_sent(at(0ms), kPacket), kPacket);
  rate.take_sample(at(40ms), 40ms);
  const auto recent = rate.on_sent(at(40ms), kPacket);
  rate.on_delivered(at(80ms), recent, kPacket);
  rate.on_delivered(at(80ms), old, kPacket);
  CHECK(rate.take_sample(at(80ms), 40ms).prior_delivered == kPacket);
}

TEST_CASE("samples tell of the application until what was in flight then is delivered") {
  UdxDeliveryRate rate;
  const auto before = rate.on_sent(at(0ms), 0);
  rate.set_app_limited(kPacket);
  const auto during = rate.on_sent(at(1ms), kPacket);
  rate.on_delivered(at(50ms), before, kPacket);
  CHECK_FALSE(rate.take_sample(at(50ms), 50ms).app_limited);
  rate.on_delivered(at(51ms), during, kPacket);
  CHECK(rate.take_sample(at(51ms), 50ms).app_limited);
  const auto after = rate.on_sent(at(52ms), 0);
  CHECK_FALSE(after.app_limited);
}
