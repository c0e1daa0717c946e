#include "dht/round_trip.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::dht;
using namespace std::chrono_literals;

TEST_CASE("a round trip time is unknown until measured") {
  CHECK_FALSE(decode_round_trip(0));
  CHECK(decode_round_trip(1) == 100us);
}

TEST_CASE("the first measurement is kept to within 3 percent from 0.1 ms to a minute") {
  for (Duration measured = 100us; measured < 60s; measured += measured / 7) {
    const auto kept = decode_round_trip(smooth_round_trip(0, measured));
    REQUIRE(kept);
    CHECK(static_cast<double>(kept->count()) ==
          doctest::Approx(static_cast<double>(measured.count())).epsilon(0.03));
  }
}

TEST_CASE("measurements out of range count as the nearest that fits") {
  CHECK(smooth_round_trip(0, 0us) == 1);
  CHECK(smooth_round_trip(0, 1h) == 255);
}

TEST_CASE("an outlier moves the estimate a little, a lasting change all the way") {
  auto code = smooth_round_trip(0, 20ms);
  code = smooth_round_trip(code, 200ms);
  CHECK(decode_round_trip(code) < 40ms);
  for (int i = 0; i < 30; ++i) code = smooth_round_trip(code, 200ms);
  CHECK(code == smooth_round_trip(0, 200ms));
  for (int i = 0; i < 30; ++i) code = smooth_round_trip(code, 5ms);
  CHECK(code == smooth_round_trip(0, 5ms));
}
