#pragma once

// Safety runs: a world drawn from a seed, with loss, reordering, churn, a partition, unreachable
// nodes and impostors. Invariants are checked as it goes; then it heals and progress must follow.
//
//   proven   no table holds a contact that did not answer, and no node hands one out
//   buckets  hold at most k
//   bounds   queries and requests under way stay below theirs
//   end      every walk ends within kWalkEnd
//   healing  once all faults are over, lookups succeed within kHealBound of lifetimes.hpp

#include <string>

#include "simulations/routing.hpp"

namespace cip::simulations {

inline constexpr Duration kWalkEnd = std::chrono::minutes(5);

struct SafetyRun {
  RunInfo info;
  std::string world;   // what was drawn, for people
  std::string broken;  // the first invariant that did not hold; empty: all did
  double walks = 0;
  double healed_s = 0;  // after the faults ended
};

// The world of a seed.
Parameters draw_parameters(std::uint64_t seed);
SafetyRun run_safety(std::uint64_t seed, const Progress& progress);

}  // namespace cip::simulations
