#include "simulations/capture.hpp"

#include <algorithm>
#include <cmath>

#include "dht/routing_table.hpp"

namespace cip::simulations {
namespace {

constexpr int kPairs = 8;  // of walks for one point of the curve

// The distinct nodes met, ascending.
std::vector<NodeIndex> random_walk(World& world, std::size_t steps) {
  std::vector<NodeIndex> met;
  NodeIndex at = world.random_live_node();
  for (std::size_t i = 0; i < steps; ++i) {
    const auto next = world.node(at).table().random_member(world.random());
    if (!next) break;
    const NodeIndex node = world.index_of(next->endpoint);
    if (node >= world.size() || world.is_gone(node)) continue;  // does not answer: another one
    at = node;
    met.push_back(at);
  }
  std::sort(met.begin(), met.end());
  met.erase(std::unique(met.begin(), met.end()), met.end());
  return met;
}

}  // namespace

CapturePoint capture_recapture(World& world, std::size_t steps) {
  const auto first = random_walk(world, steps);
  const auto second = random_walk(world, steps);
  std::vector<NodeIndex> both;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(),
                        std::back_inserter(both));
  const auto a = static_cast<double>(first.size()), b = static_cast<double>(second.size());
  const auto m = static_cast<double>(both.size());
  CapturePoint out;
  out.steps = static_cast<double>(steps);
  out.estimate = (a + 1) * (b + 1) / (m + 1) - 1;
  const double variance = (a + 1) * (b + 1) * (a - m) * (b - m) / ((m + 1) * (m + 1) * (m + 2));
  out.low = std::max(a + b - m, out.estimate - 1.96 * std::sqrt(variance));
  out.high = out.estimate + 1.96 * std::sqrt(variance);
  return out;
}

std::vector<CapturePoint> capture_curve(World& world) {
  std::vector<CapturePoint> out;
  const double root = std::sqrt(static_cast<double>(world.living()));
  for (const double factor : {0.5, 1.0, 2.0, 4.0, 8.0}) {
    const auto steps = static_cast<std::size_t>(factor * root) + 1;
    CapturePoint mean{static_cast<double>(steps), 0, 0, 0};
    for (int i = 0; i < kPairs; ++i) {
      const auto one = capture_recapture(world, steps);
      mean.estimate += one.estimate / kPairs;
      mean.low += one.low / kPairs;
      mean.high += one.high / kPairs;
    }
    out.push_back(mean);
  }
  return out;
}

double predicted_capture(const World& world) {
  std::vector<double> known(world.size());
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (world.is_gone(i)) continue;
    for (const auto& member : world.node(i).table().members()) {
      const NodeIndex other = world.index_of(member.contact.endpoint);
      if (other < world.size()) known[other] += 1;
    }
  }
  double n = 0, sum = 0, squares = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (world.is_gone(i)) continue;
    n += 1;
    sum += known[i];
    squares += known[i] * known[i];
  }
  return squares == 0 ? 1 : sum * sum / (n * squares);
}

}  // namespace cip::simulations
