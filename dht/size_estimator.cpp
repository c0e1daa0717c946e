#include "dht/size_estimator.hpp"

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"

namespace cip::dht {
namespace {

constexpr double kZ95 = 1.959964;  // two-sided 95 % of the normal distribution
// The median of a sample needs pi/2 times the walks of their mean.
constexpr double kMedianSd = 1.2533;

// Quantile of the chi-square distribution (Wilson and Hilferty 1931; within 1 % from 4 degrees on).
double chi_square_quantile(double degrees, double z) {
  if (degrees <= 0) return 0;
  const double spread = 2 / (9 * degrees);
  const double root = 1 - spread + z * std::sqrt(spread);
  return root <= 0 ? 0 : degrees * root * root * root;
}

// Median of the Gamma(k, 1) distribution (Choi 1994).
double gamma_median(double k) { return k - 1.0 / 3 + 8 / (405 * k); }

SizeEstimate scaled(SizeEstimate estimate, double completeness) {
  CIP_ASSERT(completeness > 0);
  estimate.nodes /= completeness;
  estimate.low /= completeness;
  estimate.high /= completeness;
  return estimate;
}

bool usable(const WalkSample& walk) { return walk.k > 0 && walk.distance > 0; }

SizeEstimate counted(std::size_t nodes) {
  const auto n = static_cast<double>(nodes);
  return {n, n, n, 0, 1};
}

}  // namespace

double distance_fraction(const Bytes32& a, const Bytes32& b) {
  return static_cast<double>(distance_prefix(a, b)) * 0x1.0p-64;
}

std::optional<WalkSample> walk_sample(const Target& target, std::span<const NodeId> closest) {
  if (closest.size() < 2) return std::nullopt;
  double farthest = 0;
  for (const NodeId& id : closest) {
    farthest = std::max(farthest, distance_fraction(id.bytes, target));
  }
  return WalkSample{farthest, static_cast<std::uint32_t>(closest.size())};
}

// With N nodes the k-th distance of a walk is Gamma(k, 1/N) distributed, and so is their sum with
// the sum of all k.
std::optional<SizeEstimate> estimate_by_density(std::span<const WalkSample> walks,
                                                double completeness) {
  double k = 0;
  double distances = 0;
  std::size_t n = 0;
  for (const WalkSample& walk : walks) {
    if (!usable(walk)) continue;
    k += walk.k;
    distances += walk.distance;
    ++n;
  }
  if (k < 3) return std::nullopt;
  const SizeEstimate estimate{
      (k - 1) / distances, chi_square_quantile(2 * k, -kZ95) / (2 * distances),
      chi_square_quantile(2 * k, kZ95) / (2 * distances), 1 / std::sqrt(k - 2), n};
  return scaled(estimate, completeness);
}

std::optional<SizeEstimate> estimate_by_median(std::span<const WalkSample> walks,
                                               double completeness) {
  std::vector<double> spacings;  // each the inverse of an estimate
  double k = 0;
  for (const WalkSample& walk : walks) {
    if (!usable(walk)) continue;
    spacings.push_back(walk.distance / gamma_median(walk.k));
    k += walk.k;
  }
  const std::size_t r = spacings.size();
  if (r == 0 || k < 3) return std::nullopt;
  std::sort(spacings.begin(), spacings.end());
  const double median = (spacings[(r - 1) / 2] + spacings[r / 2]) / 2;
  // The inverse of a median is too large on average: by 1/(rk) for many walks, less for one.
  const double correction = 1 - (r < 3 ? 2.0 / 3 : 1.0) / k;
  const double nodes = correction / median;
  const double sd = (r < 3 ? 1 : kMedianSd) / std::sqrt(k);
  return scaled({nodes, nodes * std::exp(-kZ95 * sd), nodes * std::exp(kZ95 * sd), sd, r},
                completeness);
}

// From the first bucket that is not full on, a table knows everybody: their number is Poisson
// distributed with mean N / 2^bucket.
std::optional<SizeEstimate> estimate_by_buckets(const RoutingTable& table) {
  if (table.empty()) return std::nullopt;
  std::size_t bucket = 0;
  std::size_t before = 0;
  while (table.bucket_size(bucket) >= table.k()) before += table.bucket_size(bucket++);
  const std::size_t contacts = table.size() - before;
  if (bucket == 0) return counted(contacts);
  const double scale = std::exp2(static_cast<double>(bucket));
  const auto n = static_cast<double>(contacts);
  return SizeEstimate{std::max(n, 0.5) * scale, chi_square_quantile(2 * n, -kZ95) / 2 * scale,
                      chi_square_quantile(2 * n + 2, kZ95) / 2 * scale,
                      1 / std::sqrt(std::max(n, 1.0)), contacts};
}

bool estimates_disagree(const SizeEstimate& density, const SizeEstimate& robust) {
  return std::abs(density.nodes - robust.nodes) > 3 * density.relative_sd * density.nodes;
}

void SizeEstimator::add_walk(const Target& target, std::span<const NodeId> closest) {
  if (closest.size() < k_) {
    counted_ = closest.size();
    return;
  }
  counted_.reset();
  std::vector<double> distances;
  for (const NodeId& id : closest) distances.push_back(distance_fraction(id.bytes, target));
  const auto kth = distances.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
  std::nth_element(distances.begin(), kth, distances.end());

  const std::uint64_t place = distance_prefix(target, Target{});
  const auto same = [&](const Sample& sample) { return sample.target == place; };
  const auto repeated = std::find_if(samples_.begin(), samples_.end(), same);
  if (repeated != samples_.end()) {
    samples_.erase(repeated);
  } else if (samples_.size() == kMaxSamples) {
    samples_.erase(samples_.begin());
  }
  samples_.push_back({place, {*kth, static_cast<std::uint32_t>(k_)}});
}

std::optional<SizeEstimate> SizeEstimator::density(double completeness) const {
  if (counted_) return counted(*counted_);
  return estimate_by_density(walk_samples(), completeness);
}

std::optional<SizeEstimate> SizeEstimator::robust(double completeness) const {
  if (counted_) return counted(*counted_);
  return estimate_by_median(walk_samples(), completeness);
}

void SizeEstimator::clear() {
  counted_.reset();
  samples_.clear();
}

std::vector<WalkSample> SizeEstimator::walk_samples() const {
  std::vector<WalkSample> out;
  for (const Sample& sample : samples_) out.push_back(sample.walk);
  return out;
}

}  // namespace cip::dht
