#pragma once

// What a scenario is told. Checked as a whole before any work.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "simulations/latency.hpp"

namespace cip::simulations {

struct Parameters {
  std::uint64_t nodes = 1000;
  std::uint64_t k = 20;
  std::uint64_t alpha = 10;
  std::uint64_t lookups = 1000;  // of the routing scenario
  std::uint64_t walks = 16;      // of the size scenario
  std::uint64_t seed = 1;        // run i of several uses seed + i
  double loss = 0;               // share of datagrams that never arrive
  double dead = 0;               // share of nodes killed before the first lookup
  LatencyModel latency;
};

// An impossible parameter: what is wrong, and what would be right.
struct ParameterError {
  std::string message;
  std::string hint;
};
std::optional<ParameterError> check_parameters(const Parameters& parameters);

// Bytes that a world of this size needs, roughly: to be compared with what the machine has.
std::uint64_t needed_bytes(const Parameters& parameters);

// Called now and then with how much of the work is done; false ends the run early.
using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

}  // namespace cip::simulations
