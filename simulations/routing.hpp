#pragma once

// Scenario "routing": how a message finds its target. Four strategies and a reference model over
// one world. Definitions are those of `cipnode sim metrics`.
//
//   kademlia         the walk that a node does on sockets
//   kademlia-rounds  the same tables, asked in synchronous rounds of alpha (the published model)
//   greedy           each node knows 5 close ids and 5 random ones, forwards to the closest
//   ring             each node knows 3 above and 3 below
//   flood            each node forwards what is new to all neighbours of the greedy graph

#include <cstdint>
#include <string>
#include <vector>

#include "simulations/lookups.hpp"
#include "simulations/parameters.hpp"
#include "simulations/world.hpp"

namespace cip::simulations {

enum class Strategy : std::uint8_t { kademlia, kademlia_rounds, greedy, ring, flood };
std::string_view name_of(Strategy strategy);
std::optional<Strategy> parse_strategy(std::string_view text);

struct RoutingResult {
  std::string strategy;
  std::uint64_t lookups = 0;   // that ended
  double success = 0;          // share that reached the live node closest to the target
  double hops_to_closest = 0;  // mean of those that did; forwards for greedy, ring and flood
  double hops_first = 0;       // mean; kademlia and kademlia-rounds
  double requests = 0;         // mean, per lookup: requests or messages
  double rounds = 0;           // mean; kademlia-rounds
  double exact_k = 0;          // share that returned exactly the k closest live nodes
  double latency_p50_ms = 0;
  double latency_p90_ms = 0;
  double latency_p99_ms = 0;
  std::string remark;    // where and why lookups failed, what a graph looks like
  std::string caveat{};  // what of the parameters it takes no account of; empty: nothing
  std::vector<Looked> samples;
};

struct RunInfo {
  std::uint64_t seed = 0;
  std::string trace;  // hex
  std::uint64_t nodes = 0;
  std::uint64_t events = 0;
  std::uint64_t messages = 0;
  double simulated_seconds = 0;
  double bytes_per_node = 0;
  bool interrupted = false;  // progress asked to stop: figures cover what was done until then
};

struct RoutingRun {
  RunInfo info;
  std::vector<RoutingResult> results;  // one for each strategy, in the order given
  std::vector<double> table_fill;      // mean contacts by bucket
};
RoutingRun run_routing(const Parameters& parameters, const std::vector<Strategy>& strategies,
                       const Progress& progress);

// Shared by scenarios.
RunInfo describe_run(const World& world, bool interrupted);
RoutingResult summarize(Strategy strategy, std::vector<Looked> samples);
// Mean number of contacts by bucket, over at most 1,000 nodes.
std::vector<double> table_fill(const World& world);

}  // namespace cip::simulations
