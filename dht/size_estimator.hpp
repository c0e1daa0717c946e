#pragma once

// How many nodes the network has, from how near the nodes found by walks are to their targets
// (simulations.md "How well the size is told"). Let d be the distance of the k-th closest node
// found by one walk to a random target, as a fraction of the id space; r walks.
//
//   density  (rk - 1) / sum of d: unbiased, relative sd 1/sqrt(rk - 2)
//   robust   median over walks of median(Gamma(k)) / d: not moved by a few walks that met impostors
//   buckets  contacts in the buckets that are not full, scaled up: 18 to 22 % off
//
// Intervals are of 95 %. The nodes counted are those a walk can find: all but the one that walks.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dht/node_id.hpp"
#include "dht/routing_table.hpp"

namespace cip::dht {

struct SizeEstimate {
  double nodes = 0;
  double low = 0;
  double high = 0;
  double relative_sd =
      0;  // of the estimator, from theory; 0: the nodes were counted, not estimated
  std::size_t samples = 0;  // walks, or contacts for `buckets`
};

// One finished walk: the k-th closest node it found lies at `distance` (0 to 1) from its target.
struct WalkSample {
  double distance = 0;
  std::uint32_t k = 0;
};

// The XOR distance of two ids as a fraction of 2^256.
double distance_fraction(const Bytes32& a, const Bytes32& b);
// `closest` in any order. Nothing when a walk found less than 2 nodes.
std::optional<WalkSample> walk_sample(const Target& target, std::span<const NodeId> closest);

// Nothing without a usable sample. `completeness`: the measured share of live nodes that walks
// find; the estimates are divided by it.
std::optional<SizeEstimate> estimate_by_density(std::span<const WalkSample> walks,
                                                double completeness = 1.0);
std::optional<SizeEstimate> estimate_by_median(std::span<const WalkSample> walks,
                                               double completeness = 1.0);
std::optional<SizeEstimate> estimate_by_buckets(const RoutingTable& table);
// True when the two differ by more than 3 standard deviations: someone may crowd some targets.
bool estimates_disagree(const SizeEstimate& density, const SizeEstimate& robust);

// The running estimate of a live node, fed by every finished walk. A repeated target replaces its
// former sample: repeated walks to one place say nothing new.
class SizeEstimator {
 public:
  static constexpr std::size_t kMaxSamples =
      64;  // 2.8 % at k = 20; older walks see another network

  explicit SizeEstimator(std::size_t k = 20) : k_(k) {}

  // All nodes a walk ended with. A walk that found fewer than k has seen the whole network: then
  // the nodes are counted instead of estimated.
  void add_walk(const Target& target, std::span<const NodeId> closest);
  std::optional<SizeEstimate> density(double completeness = 1.0) const;
  std::optional<SizeEstimate> robust(double completeness = 1.0) const;
  std::size_t walks() const { return samples_.size(); }
  void clear();

 private:
  struct Sample {
    std::uint64_t target;  // its first bytes
    WalkSample walk;
  };
  std::vector<WalkSample> walk_samples() const;

  std::size_t k_;
  std::optional<std::size_t> counted_;  // nodes in the last walk that found fewer than k
  std::vector<Sample> samples_;         // oldest first
};

}  // namespace cip::dht
