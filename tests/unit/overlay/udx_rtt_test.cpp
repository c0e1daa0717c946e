#include "overlay/transport/udx/rtt.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {
TimePoint at(Duration time) { return TimePoint{} + time; }
}  // namespace

TEST_CASE("the first round trip is the average, and half of it the variation") {
  UdxRtt rtt;
  CHECK_FALSE(rtt.has_sample());
  CHECK(rtt.rto() == 1s);
  rtt.sample(at(0s), 400ms);
  CHECK(rtt.has_sample());
  CHECK(rtt.srtt() == 400ms);
  CHECK(rtt.rttvar() == 200ms);
  CHECK(rtt.min_rtt() == 400ms);
  CHECK(rtt.rto() == 1200ms);
}

TEST_CASE("further round trips weigh an eighth, their variation a quarter") {
  UdxRtt rtt;
  rtt.sample(at(0s), 400ms);
  rtt.sample(at(1s), 800ms);
  CHECK(rtt.srtt() == 450ms);
  CHECK(rtt.rttvar() == 250ms);
}

TEST_CASE("the timeout is from 300 ms to 8 s") {
  UdxRtt rtt;
  rtt.sample(at(0s), 1ms);
  CHECK(rtt.rto() == 300ms);
  UdxRtt slow;
  for (int i = 0; i < 10; ++i) slow.sample(at(1s), i % 2 == 0 ? 4900ms : 100ms);
  CHECK(slow.rto() == 8s);
}

TEST_CASE("a round trip of nothing is a sample") {
  UdxRtt rtt;
  rtt.sample(at(0s), 0ms);
  CHECK(rtt.has_sample());
  CHECK(rtt.rto() == 300ms);
  rtt.sample(at(0s), -5ms);
  CHECK(rtt.min_rtt() == 0ms);
  CHECK(rtt.srtt() == 0ms);
}

TEST_CASE("a round trip across a sleep of the machine is cut") {
  UdxRtt rtt;
  rtt.sample(at(0s), 400ms);
  rtt.sample(at(8h), 8h);
  CHECK(rtt.srtt() < 1s);
  UdxRtt first;
  first.sample(at(8h), 8h);
  CHECK(first.srtt() == 5s);
}

TEST_CASE("the least round trip is forgotten after 300 s") {
  UdxRtt rtt;
  rtt.sample(at(0s), 10ms);
  for (auto time = 1s; time <= 300s; time += 1s) rtt.sample(at(time), 50ms);
  CHECK(rtt.min_rtt() == 10ms);
  rtt.sample(at(301s), 60ms);
  CHECK(rtt.min_rtt() == 50ms);
}
