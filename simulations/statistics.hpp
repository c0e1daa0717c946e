#pragma once

// Means, percentiles and intervals over samples.

#include <vector>

namespace cip::simulations {

double mean_of(const std::vector<double>& samples);
// Sample standard deviation; 0 below two samples.
double deviation_of(const std::vector<double>& samples);
// The value that `share` (0 to 1) of all samples do not exceed, on the straight line between the
// two samples that it lies between (type 7 of Hyndman and Fan, the usual one); 0 of none.
double percentile_of(std::vector<double> samples, double share);

// The mean with its 95 % interval (Student's t).
struct Interval {
  double mean = 0;
  double low = 0;
  double high = 0;
};
Interval interval_of(const std::vector<double>& samples);

}  // namespace cip::simulations
