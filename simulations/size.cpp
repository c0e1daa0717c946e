#include "simulations/size.hpp"

#include <cmath>

#include "dht/size_estimator.hpp"
#include "simulations/statistics.hpp"

namespace cip::simulations {
namespace {

// Steps of each random walk, in square roots of the number of nodes: at 4 they have about 16 nodes
// in common.
constexpr double kCaptureEffort = 4;

struct Sampled {
  std::vector<dht::WalkSample> walks;
  std::uint64_t requests = 0;
  bool interrupted = false;
};

// One walk after the other from one node, as `cipnode size` would.
Sampled sample_walks(World& world, NodeIndex walker, const Progress& progress) {
  const auto& parameters = world.parameters();
  Sampled out;
  bool running = false;
  world.on_event([&](NodeIndex node, const dht::Event& event) {
    const auto* done = std::get_if<dht::QueryDone>(&event);
    if (done == nullptr || node != walker || !running) return;
    running = false;
    out.requests += done->requests;
    std::vector<dht::NodeId> ids;
    for (const dht::Contact& contact : done->closest) ids.push_back(contact.id);
    if (const auto sample = dht::walk_sample(done->target, ids)) out.walks.push_back(*sample);
  });
  for (std::uint64_t walk = 0; walk < parameters.walks && !out.interrupted; ++walk) {
    const auto target = world.random().bytes<32>();
    running = true;
    world.command(walker, [&](dht::Node& node, Now now) { return node.find_node(now, target); });
    while (running && world.step()) {
    }
    out.interrupted =
        progress && !progress({"walks", walk + 1, parameters.walks, world.stats().events});
  }
  world.on_event(nullptr);
  return out;
}

}  // namespace

SizeRun run_size(const Parameters& parameters, const Progress& progress) {
  World world(parameters);
  SizeRun out;
  const bool started = world.start(progress);
  if (!started) {
    out.info = describe_run(world, true);
    return out;
  }
  const NodeIndex walker = world.random_live_node();
  const Sampled sampled = sample_walks(world, walker, progress);
  out.info = describe_run(world, sampled.interrupted);

  double truth = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) truth += world.is_gone(i) ? 0 : 1;
  // The walker finds all others, not itself.
  const auto add = [&](const char* name, const std::optional<dht::SizeEstimate>& estimate,
                       double walks, double requests) {
    if (!estimate) return;
    out.results.push_back({name, static_cast<std::uint64_t>(walks), truth, estimate->nodes + 1,
                           estimate->low + 1, estimate->high + 1, requests});
  };
  const auto walks = static_cast<double>(sampled.walks.size());
  const auto density = dht::estimate_by_density(sampled.walks);
  const auto robust = dht::estimate_by_median(sampled.walks);
  add("density", density, walks, static_cast<double>(sampled.requests));
  add("robust", robust, walks, static_cast<double>(sampled.requests));
  out.disagree = density && robust && dht::estimates_disagree(*density, *robust);
  if (sampled.interrupted) return out;

  const auto steps = static_cast<std::size_t>(kCaptureEffort * std::sqrt(truth));
  const auto common = capture_recapture(world, steps);
  out.results.push_back({"common-peers", 2, truth, common.estimate, common.low, common.high,
                         2 * static_cast<double>(steps)});
  add("buckets", dht::estimate_by_buckets(world.node(walker).table()), 0, 0);
  out.capture = capture_curve(world);
  out.predicted_capture = predicted_capture(world);
  return out;
}

std::vector<SizeSummary> summarize_size(const std::vector<SizeRun>& runs) {
  std::vector<SizeSummary> out;
  for (const char* name : {"density", "robust", "common-peers", "buckets"}) {
    std::vector<double> ratios;
    double covered = 0;
    for (const SizeRun& run : runs) {
      for (const SizeResult& result : run.results) {
        if (result.estimator != name) continue;
        ratios.push_back(result.estimate / result.truth);
        covered += result.low <= result.truth && result.truth <= result.high ? 1 : 0;
      }
    }
    if (ratios.empty()) continue;
    out.push_back({name, mean_of(ratios) - 1, deviation_of(ratios),
                   covered / static_cast<double>(ratios.size())});
  }
  return out;
}

}  // namespace cip::simulations
