#include "dht/reflection_budget.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::dht;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr std::uint32_t kStranger = 0x08080808;
const TimePoint kStart = TimePoint{} + std::chrono::hours(1);

// How many answers of 1400 bytes go out whole before the budget is used up.
int whole_answers(ReflectionBudget& budget, TimePoint now, std::uint32_t ip) {
  int out = 0;
  while (out < 1000 && budget.charge(now, ip, 1400).whole) ++out;
  return out;
}

}  // namespace

TEST_CASE("an unproven address gets 8 KiB at once, then 1 KiB per second") {
  ReflectionBudget budget;
  CHECK(whole_answers(budget, kStart, kStranger) == 5);
  CHECK(whole_answers(budget, kStart + seconds(1), kStranger) == 1);
  CHECK(whole_answers(budget, kStart + seconds(60), kStranger) == 5);
}

TEST_CASE("a proven address is not charged for ten minutes") {
  ReflectionBudget budget;
  budget.prove(kStart, kStranger);
  CHECK(whole_answers(budget, kStart + minutes(9), kStranger) == 1000);
  CHECK(whole_answers(budget, kStart + minutes(10), kStranger) == 5);
}

TEST_CASE("a /24 shares 32 KiB, however many addresses it has") {
  ReflectionBudget budget;
  int out = 0;
  for (std::uint32_t host = 0; host < 256; ++host) {
    out += whole_answers(budget, kStart, (kStranger & 0xffffff00) + host);
  }
  CHECK(out == 23);  // 32 KiB / 1400
  CHECK(whole_answers(budget, kStart, kStranger + 0x100) == 5);
}

TEST_CASE("when half of the budget is gone the address is asked once whether it reads there") {
  ReflectionBudget budget;
  int asked = 0;
  for (int i = 0; i < 20; ++i) asked += budget.charge(kStart, kStranger, 1000).ping ? 1 : 0;
  CHECK(asked == 1);
}

TEST_CASE("loopback has no budget and costs no memory") {
  ReflectionBudget budget;
  CHECK(whole_answers(budget, kStart, 0x7f000001) == 1000);
  CHECK(budget.memory_bytes() == 0);
}

TEST_CASE("a flood of forged sources is bounded in memory, and does not forget who is proven") {
  ReflectionBudget budget;
  budget.prove(kStart, kStranger);
  for (std::uint32_t i = 0; i < 100'000; ++i) budget.charge(kStart, 0x09000000 + i * 7, 1400);
  CHECK(budget.memory_bytes() < 4'000'000);
  CHECK(budget.charge(kStart, kStranger, 1400).whole);
}
