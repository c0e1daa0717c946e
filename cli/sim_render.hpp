#pragma once

// What `cipnode sim` prints of a run: the JSON of the contract, text for people, CSV for programs.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/sim_flags.hpp"
#include "cli/stage_clock.hpp"
#include "simulations/lifetimes.hpp"
#include "simulations/paper.hpp"
#include "simulations/routing.hpp"
#include "simulations/safety.hpp"
#include "simulations/size.hpp"
#include "simulations/stream_safety.hpp"

namespace cip::cli {

using simulations::ChurnRun;
using simulations::PaperRun;
using simulations::RoutingRun;
using simulations::SizeRun;

// One line for each strategy, estimator or sample.
std::string routing_json_lines(const RoutingRun& run, const Measured& measured);
std::string size_json_lines(const SizeRun& run, const Measured& measured);
std::string churn_json_lines(const ChurnRun& run, const Measured& measured);
std::string paper_json_lines(const PaperRun& run);

std::string routing_text(const RoutingRun& run, const Measured& measured, const SimFlags& flags,
                         Style style);
std::string size_text(const SizeRun& run, const Measured& measured, const SimFlags& flags,
                      Style style);
std::string churn_text(const ChurnRun& run, const Measured& measured, const SimFlags& flags,
                       Style style);
std::string paper_text(const PaperRun& run, Style style);

// Means and 95 % intervals of every metric over the runs, one object for each strategy.
std::vector<Json> routing_summaries(const std::vector<RoutingRun>& runs);
std::vector<Json> size_summaries(const std::vector<SizeRun>& runs);
std::vector<Json> churn_summaries(const std::vector<ChurnRun>& runs);
// A table of summaries with mean and interval.
std::string interval_table(const std::vector<Json>& summaries, Style style);
std::string size_summary_table(const std::vector<SizeRun>& runs, Style style);

std::string routing_csv(const std::vector<RoutingRun>& runs);
std::string size_csv(const std::vector<SizeRun>& runs);
std::string churn_csv(const std::vector<ChurnRun>& runs);
std::string paper_csv(const PaperRun& run);

std::string safety_json_line(const simulations::SafetyRun& run, const Measured& measured);
std::string safety_text(const simulations::SafetyRun& run);
std::string safety_json_line(const simulations::StreamSafetyRun& run, const Measured& measured);
std::string safety_text(const simulations::StreamSafetyRun& run);

// 12.5 %
std::string percent_text(double share);

}  // namespace cip::cli
