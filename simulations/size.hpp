#pragma once

// Scenario "size": how well a node can tell how large the network is. r walks to random targets;
// the density of the k closest nodes around each gives the estimate (dht/size_estimator.hpp).
// Beside it what the own table says, and the common peers of two random walks.

#include <string>
#include <vector>

#include "simulations/capture.hpp"
#include "simulations/routing.hpp"

namespace cip::simulations {

struct SizeResult {
  std::string estimator;  // density, robust, common-peers, buckets
  std::uint64_t walks = 0;
  double truth = 0;  // live nodes, the walking one included
  double estimate = 0;
  double low = 0;  // 95 % interval
  double high = 0;
  double requests = 0;  // spent
};
struct SizeRun {
  RunInfo info;
  std::vector<SizeResult> results;    // empty when interrupted before the first walk ended
  std::vector<CapturePoint> capture;  // bias curve of common peers
  double predicted_capture = 0;       // share of the truth that the skew of tables lets it see
  bool disagree = false;              // density and robust differ by more than 3 sd
};
SizeRun run_size(const Parameters& parameters, const Progress& progress);

// Over several runs of one estimator.
struct SizeSummary {
  std::string estimator;
  double bias = 0;      // mean of (estimate - truth) / truth
  double sd = 0;        // of estimate / truth
  double coverage = 0;  // share of runs whose interval holds the truth
};
std::vector<SizeSummary> summarize_size(const std::vector<SizeRun>& runs);

}  // namespace cip::simulations
