#include "node/own_clock.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::node;

namespace {

constexpr std::int64_t kDay = 86'400'000;
const ClockSetting kRight{"first start", 5 * kDay};
const ClockSetting kBehind{"first start", 4 * kDay};
const ClockSetting kLater{"second start", 9 * kDay};

}  // namespace

TEST_CASE("messages written before the clock was put right are dated as if it had been") {
  OwnClock clock;
  CHECK(clock.note_written(1, kBehind));
  CHECK_FALSE(clock.note_written(2, kBehind));
  CHECK(clock.ahead_ms(2) == 0);
  CHECK(clock.look(kRight));
  CHECK_FALSE(clock.look(kRight));
  CHECK(clock.note_written(3, kRight));
  CHECK(clock.ahead_ms(1) == -kDay);
  CHECK(clock.ahead_ms(2) == -kDay);
  CHECK(clock.ahead_ms(3) == 0);
}

TEST_CASE("how the clock was set is known to the next process, and after the next start") {
  OwnClock before;
  before.note_written(1, kBehind);
  OwnClock clock = OwnClock::load(before.save());
  CHECK(clock.note_written(2, kRight));
  clock = OwnClock::load(clock.save());
  CHECK(clock.look(kLater));
  CHECK(clock.note_written(3, kLater));
  CHECK(clock.ahead_ms(1) == -kDay);
  CHECK(clock.ahead_ms(2) == 0);
  CHECK(clock.ahead_ms(3) == 0);
}

TEST_CASE("a clock that is right costs nothing but one note per start of the machine") {
  OwnClock clock;
  CHECK(clock.note_written(1, kRight));
  CHECK_FALSE(clock.look({kRight.boot, kRight.offset_ms + 900}));
  CHECK_FALSE(clock.note_written(2, kRight));
  const auto size = clock.save().size();
  for (int start = 0; start < 10; ++start) {
    CHECK(clock.note_written(10, {std::to_string(start) + " more start", 5 * kDay}));
  }
  CHECK(clock.save().size() <= size + 2);
}

TEST_CASE("what is not understood counts as nothing known") {
  const auto clock = OwnClock::load(Bytes{1, 2, 3});
  CHECK(clock.is_empty());
  CHECK(clock.ahead_ms(7) == 0);
}
