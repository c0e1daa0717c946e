#pragma once

// Capture and recapture (Chapman 1951): two random walks through the tables; the more nodes they
// have in common, the smaller the network. Nodes that many know are met more often, which makes the
// estimate too low: N / (1 + CV^2) with CV the coefficient of variation of how often a node is
// known.

#include <vector>

#include "simulations/world.hpp"

namespace cip::simulations {

struct CapturePoint {
  double steps = 0;  // of each walk
  double estimate = 0;
  double low = 0;  // 95 % interval
  double high = 0;
};

// Walks of `steps` steps from two random nodes. A step asks one node for its contacts.
CapturePoint capture_recapture(World& world, std::size_t steps);
// The estimate for walks of several lengths, each the mean of several pairs.
std::vector<CapturePoint> capture_curve(World& world);
// 1 / (1 + CV^2) of the world's tables.
double predicted_capture(const World& world);

}  // namespace cip::simulations
