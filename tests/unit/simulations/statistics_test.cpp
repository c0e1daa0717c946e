#include "simulations/statistics.hpp"

#include <doctest/doctest.h>

using namespace cip::simulations;

TEST_CASE("mean, deviation and percentiles of known samples") {
  const std::vector<double> samples{2, 4, 4, 4, 5, 5, 7, 9};
  CHECK(mean_of(samples) == doctest::Approx(5));
  CHECK(deviation_of(samples) == doctest::Approx(2.1381));
  CHECK(percentile_of(samples, 0.5) == 4.5);
  CHECK(percentile_of(samples, 0) == 2);
  CHECK(percentile_of(samples, 1) == 9);
  CHECK(percentile_of({}, 0.5) == 0);
}

TEST_CASE("a percentile lies between the samples around it, however few they are") {
  CHECK(percentile_of({7}, 0.25) == 7);
  CHECK(percentile_of({30, 10}, 0.5) == 20);
  CHECK(percentile_of({30, 10}, 0.25) == 15);
  CHECK(percentile_of({30, 10, 14}, 0.5) == 14);
  CHECK(percentile_of({30, 10, 14}, 0.25) == 12);
  CHECK(percentile_of({30, 10, 14}, 0.75) == 22);
  CHECK(percentile_of({4, 1, 3, 2}, 0.5) == 2.5);
}

TEST_CASE("the interval of five samples uses Student's t") {
  const auto interval = interval_of({1, 2, 3, 4, 5});
  CHECK(interval.mean == doctest::Approx(3));
  CHECK(interval.high - interval.mean == doctest::Approx(2.776 * 1.5811 / 2.2361).epsilon(0.001));
}
