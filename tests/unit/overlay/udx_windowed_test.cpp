#include "overlay/transport/udx/windowed.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <deque>

#include "base/random.hpp"

using namespace cip;
using namespace cip::overlay;

TEST_CASE(
    "a windowed maximum was seen within the window, and nothing newer than a quarter is above") {
  constexpr std::uint32_t kWindow = 20;
  SeededRandom random(1);
  WindowedMax<std::uint64_t, std::uint32_t> filter;
  std::deque<std::uint64_t> seen;  // the newest last
  for (std::uint32_t round = 0; round < 5000; ++round) {
    seen.push_back(random.below(1000));
    if (seen.size() > kWindow + 1) seen.pop_front();
    filter.add(round, seen.back(), kWindow);
    CHECK(filter.best() <= *std::max_element(seen.begin(), seen.end()));
    const auto recent = std::min<std::size_t>(seen.size(), kWindow / 4);
    CHECK(filter.best() >= *std::max_element(seen.end() - static_cast<long>(recent), seen.end()));
  }
}

TEST_CASE("a windowed value survives that its rounds wrap around") {
  WindowedMax<int, std::uint32_t> filter;
  filter.add(0xfffffffe, 9, 10);
  filter.add(3, 5, 10);
  CHECK(filter.best() == 9);
  filter.add(9, 4, 10);
  CHECK(filter.best() == 5);
}

TEST_CASE("nothing but the newest is left when all others are too old") {
  WindowedMin<int, std::uint32_t> filter;
  filter.add(0, 1, 10);
  filter.add(1, 2, 10);
  filter.add(100, 7, 10);
  CHECK(filter.best() == 7);
}
