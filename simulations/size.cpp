#include "simulations/size.hpp"

#include <algorithm>

#include "dht/size_estimator.hpp"
#include "simulations/statistics.hpp"

namespace cip::simulations {
namespace {

struct Sampled {
  std::vector<dht::WalkSample> walks;
  std::uint64_t requests = 0;
  bool interrupted = false;
};

// One walk after the other from one node, as `cipnode size` would.
Sampled sample_walks(World& world, const Parameters& parameters, const Progress& progress) {
  const NodeIndex walker = random_live_node(world);
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
    out.interrupted = progress && !progress(walk + 1, parameters.walks);
  }
  world.on_event(nullptr);
  return out;
}

}  // namespace

SizeRun run_size(const Parameters& parameters, const Progress& progress) {
  World world(parameters);
  world.start_from_oracle(nullptr);
  kill_some(world, parameters);
  const Sampled sampled = sample_walks(world, parameters, progress);

  SizeRun out;
  out.info = describe_run(world, parameters, sampled.interrupted);
  const auto live = std::count(world.dead().begin(), world.dead().end(), false);
  // The walker finds all others, not itself.
  const auto add = [&](const char* name, const std::optional<dht::SizeEstimate>& estimate) {
    if (!estimate) return;
    out.results.push_back({name, sampled.walks.size(), static_cast<double>(live),
                           estimate->nodes + 1, estimate->low + 1, estimate->high + 1,
                           static_cast<double>(sampled.requests)});
  };
  add("density", dht::estimate_by_density(sampled.walks));
  add("robust", dht::estimate_by_median(sampled.walks));
  return out;
}

std::vector<SizeSummary> summarize_size(const std::vector<SizeRun>& runs) {
  std::vector<SizeSummary> out;
  for (const char* name : {"density", "robust"}) {
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
