#pragma once

// Scenario "churn": nodes come and go while others look things up. Then the churn stops and the
// network must heal within kHealBound.

#include <optional>
#include <vector>

#include "simulations/routing.hpp"

namespace cip::simulations {

// The network must heal within this time: every contact of a full table is checked about once in
// half of it.
inline constexpr Duration kHealBound = std::chrono::hours(1);

// What is seen at one moment, and since the one before.
struct ChurnSample {
  double at_s = 0;
  double living = 0;
  double success = 0;  // share of the sample's lookups
  double latency_p50_ms = 0;
  double requests = 0;          // mean of a lookup
  double bytes_per_second = 0;  // of one node
  double stale = 0;             // share of dead entries, all tables
  double table_size = 0;        // mean
  bool healing = false;         // churn has stopped
};

// Tables held against the truth, as ProbeLab RFM 19 does.
struct TableHealth {
  double known_all = 0;       // share of nodes that know all 20 closest
  double known_few = 0;       // share that know fewer than 18 of them
  std::vector<double> stale;  // share of dead entries, by bucket
  std::vector<double> fill;   // mean entries, by bucket
  double stale_overall = 0;
};
TableHealth judge_tables(World& world);

struct ChurnRun {
  RunInfo info;
  std::vector<ChurnSample> samples;
  TableHealth health;  // when the churn stopped
  double joined = 0;
  double left = 0;
  std::optional<double> healed_s;  // after the churn stopped; none: not within kHealBound
};
ChurnRun run_churn(const Parameters& parameters, const Progress& progress);

}  // namespace cip::simulations
