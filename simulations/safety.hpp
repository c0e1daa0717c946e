#pragma once

// Safety runs: a world drawn from a seed, with loss, reordering, churn, a partition, unreachable
// nodes and impostors. Invariants are checked as it goes; then it heals and progress must follow.
//
//   proven   no table holds a contact that did not answer, and no node hands one out
//   buckets  hold at most k
//   bounds   queries and requests under way stay below theirs
//   end      every walk ends within walk_end()
//   healing  once all faults are over, lookups succeed within kHealBound of lifetimes.hpp

#include <string>

#include "dht/query.hpp"
#include "dht/rpc.hpp"
#include "simulations/routing.hpp"

namespace cip::simulations {

// What a walk may take at most: as many requests as it may make, each late after a second, alpha at
// a time, and the transmissions of the last one.
constexpr Duration walk_end(std::uint64_t alpha) {
  return dht::Query::kMaxRequests * dht::Rpc::kMaxTimeout / static_cast<long>(alpha) +
         std::chrono::seconds(10);
}

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
