#include "base/random.hpp"

#include <doctest/doctest.h>

using namespace cip;

TEST_CASE("a seeded random repeats its stream and differs from another seed") {
  SeededRandom one{7}, same{7}, other{8};
  const auto first = one.bytes<40>();
  CHECK(first == same.bytes<40>());
  CHECK(first != other.bytes<40>());
}

TEST_CASE("below stays below its bound and reaches every value") {
  SeededRandom random{1};
  int seen[5] = {};
  for (int i = 0; i < 1000; ++i) ++seen[random.below(5)];
  for (const int n : seen) CHECK(n > 100);
}

TEST_CASE("unit lies in the half-open interval from 0 to 1") {
  SeededRandom random{2};
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    const double x = random.unit();
    REQUIRE((x >= 0 && x < 1));
    sum += x;
  }
  CHECK(sum > 450);
  CHECK(sum < 550);
}
