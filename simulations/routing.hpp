#pragma once

// Scenario "routing": how walks find the nodes closest to a target, in a network whose tables are
// ideal. Definitions are those of `cipnode sim metrics`; hops-first is that of ProbeLab RFM 19.1.

#include <cstdint>
#include <string>
#include <vector>

#include "simulations/parameters.hpp"
#include "simulations/world.hpp"

namespace cip::simulations {

struct RoutingResult {
  std::string strategy;        // kademlia: the walk that a node does on sockets
  std::uint64_t lookups = 0;   // that ended
  double success = 0;          // share that ended at the live node closest to the target
  double hops_to_closest = 0;  // mean depth of the shortest chain of referrals to it
  double hops_first = 0;       // mean referral depth at which it was first named
  double requests = 0;         // mean, per walk
  double exact_k = 0;          // share of walks that returned exactly the k closest live nodes
  double latency_p50_ms = 0;
  double latency_p90_ms = 0;
  double latency_p99_ms = 0;
};

struct RunInfo {
  std::uint64_t seed = 0;
  std::string trace;  // hex
  std::uint64_t nodes = 0;
  std::uint64_t events = 0;
  std::uint64_t messages = 0;
  double bytes_per_node = 0;
  bool interrupted = false;  // progress asked to stop: figures cover what was done until then
};

struct RoutingRun {
  RunInfo info;
  RoutingResult result;
};
RoutingRun run_routing(const Parameters& parameters, const Progress& progress);

// Shared by scenarios.
RunInfo describe_run(const World& world, const Parameters& parameters, bool interrupted);
// Kills the share of nodes that the parameters ask for.
void kill_some(World& world, const Parameters& parameters);
// A live node, drawn at random.
NodeIndex random_live_node(World& world);

// One line per metric: name, then its definition.
std::vector<std::pair<std::string, std::string>> metric_definitions();

}  // namespace cip::simulations
