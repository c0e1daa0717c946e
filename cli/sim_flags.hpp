#pragma once

// The flags of `cipnode sim`, and what is checked before any work.

#include <optional>
#include <string>
#include <vector>

#include "cli/command_tree.hpp"
#include "simulations/paper.hpp"
#include "simulations/parameters.hpp"
#include "simulations/routing.hpp"

namespace cip::cli {

struct OutputFlags {
  std::string csv;
  std::string svg;
  std::string html;
};

struct SimFlags : OutputFlags {
  simulations::Parameters parameters;
  std::string latency = "const:50ms";
  std::string churn = "none";
  std::string start = "oracle";
  std::string partition;
  std::string impostors;
  std::vector<std::string> strategies;
  std::string codec = "sample";
  std::uint64_t runs = 1;
  std::uint64_t jobs = 1;
};

struct PaperFlags : OutputFlags {
  std::string paper;
  simulations::PaperOptions options;
};

struct SafetyFlags {
  std::string what = "dht";
  std::uint64_t seed = 1;
  std::uint64_t runs = 1;
  std::uint64_t jobs = 1;
};

// Each run has a place in memory.
inline constexpr std::uint64_t kMostRuns = 10'000'000;
std::optional<Error> check_runs(std::uint64_t runs, std::uint64_t jobs);

void add_safety_flags(CLI::App& app, SafetyFlags& flags);
void add_sim_flags(CLI::App& app, SimFlags& flags);
void add_routing_flags(CLI::App& app, SimFlags& flags);
void add_churn_flags(CLI::App& app, SimFlags& flags);
void add_paper_flags(CLI::App& app, PaperFlags& flags);
void add_output_flags(CLI::App& app, OutputFlags& flags, const char* csv_help);

// Completes the parameters from the texts and checks everything that can be known before the first
// event: values, the trace, memory, that files can be written.
std::optional<Error> prepare(SimFlags& flags);
std::optional<Error> prepare(PaperFlags& flags);
std::optional<Error> prepare(const OutputFlags& flags);

// The command line that does the same again.
std::string replay_command(const PaperFlags& flags);
std::string replay_command(const char* scenario, const SimFlags& flags, std::uint64_t seed);
std::vector<simulations::Strategy> strategies_of(const SimFlags& flags);

}  // namespace cip::cli
