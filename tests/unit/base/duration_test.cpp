#include "base/duration.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace std::chrono_literals;

TEST_CASE("a duration is a number with a unit, or 0") {
  CHECK(parse_duration("0") == Duration::zero());
  CHECK(parse_duration("7us") == Duration(7));
  CHECK(parse_duration("500ms") == Duration(500ms));
  CHECK(parse_duration("1.5s") == Duration(1500ms));
  CHECK(parse_duration("10m") == Duration(10min));
  CHECK(parse_duration("10min") == Duration(10min));
  CHECK(parse_duration("2H") == Duration(2h));
  CHECK(parse_duration("3d") == Duration(72h));
}

TEST_CASE("what is no duration is refused, and what is too long says so") {
  for (const auto* text : {"", "5", "s", "m", "-1s", "1e3s", "1..5s", ".5s", "5.s", "5 s", " 5s",
                           "5s ", "5sec", "5mi", "1h30m", "inf", "nans"}) {
    CAPTURE(text);
    CHECK(parse_duration(text).error() == Errc::bad_number);
  }
  for (const auto* text : {"100001d", "99999999999999999999999999h"}) {
    CAPTURE(text);
    CHECK(parse_duration(text).error() == Errc::out_of_range);
  }
}
