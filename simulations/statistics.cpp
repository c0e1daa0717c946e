#include "simulations/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace cip::simulations {
namespace {

// 97.5 % quantile of Student's t for 1 to 10 degrees of freedom; beyond that a close approximation.
double student_t(std::size_t degrees) {
  static constexpr double kTable[] = {12.706, 4.303, 3.182, 2.776, 2.571,
                                      2.447,  2.365, 2.306, 2.262, 2.228};
  if (degrees <= std::size(kTable)) return kTable[degrees - 1];
  return 1.96 + 2.4 / static_cast<double>(degrees);
}

}  // namespace

double mean_of(const std::vector<double>& samples) {
  double sum = 0;
  for (const double sample : samples) sum += sample;
  return samples.empty() ? 0 : sum / static_cast<double>(samples.size());
}

double deviation_of(const std::vector<double>& samples) {
  if (samples.size() < 2) return 0;
  const double mean = mean_of(samples);
  double sum = 0;
  for (const double sample : samples) sum += (sample - mean) * (sample - mean);
  return std::sqrt(sum / static_cast<double>(samples.size() - 1));
}

double percentile_of(std::vector<double> samples, double share) {
  if (samples.empty()) return 0;
  const auto last = static_cast<double>(samples.size() - 1);
  const double place = std::clamp(share * last, 0.0, last);
  const auto below = samples.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(samples.begin(), below, samples.end());
  const double rest = place - std::floor(place);
  if (rest == 0) return *below;
  // What nth_element leaves behind a place is not below it.
  return std::lerp(*below, *std::min_element(below + 1, samples.end()), rest);
}

Interval interval_of(const std::vector<double>& samples) {
  const double mean = mean_of(samples);
  if (samples.size() < 2) return {mean, mean, mean};
  const double half = student_t(samples.size() - 1) * deviation_of(samples) /
                      std::sqrt(static_cast<double>(samples.size()));
  return {mean, mean - half, mean + half};
}

}  // namespace cip::simulations
