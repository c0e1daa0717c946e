#pragma once

// What `cipnode sim` prints of a run: the JSON of the contract, and text for people.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "simulations/routing.hpp"
#include "simulations/size.hpp"

namespace cip::cli {

using simulations::RoutingRun;
using simulations::SizeRun;

struct SimFlags {
  simulations::Parameters parameters;
  std::string latency = "const:50ms";
  std::string strategy = "kademlia";
  std::uint64_t runs = 1;
};

// What the world cannot know of a run.
struct Measured {
  std::uint64_t number = 0;  // of the run, from 0
  double wall_ms = 1;        // more than 0
  std::uint64_t peak_bytes = 0;
};

Json routing_json(const RoutingRun& run, const Measured& measured);
std::string routing_text(const RoutingRun& run, const Measured& measured, const SimFlags& flags,
                         Style style);
// Means and 95 % intervals of every metric over at least one run.
Json routing_summary(const std::vector<RoutingRun>& runs);
std::string interval_table(const Json& summary, Style style);

// One line for each estimator.
std::string size_json_lines(const SizeRun& run, const Measured& measured);
std::string size_text(const SizeRun& run, const Measured& measured, const SimFlags& flags,
                      Style style);

// 12.5 %
std::string percent_text(double share);

}  // namespace cip::cli
