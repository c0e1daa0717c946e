#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <map>

#include "cli/sim_charts.hpp"
#include "simulations/metrics.hpp"
#include "simulations/statistics.hpp"

namespace cip::cli {
namespace {

using simulations::Looked;
using simulations::Parameters;
using simulations::Strategy;
using Kind = ChartSeries::Kind;

// Small worlds that are done in a second or two, and yet show every metric.
constexpr std::uint64_t kNodes = 300;
constexpr std::uint64_t kLookups = 300;
constexpr std::uint64_t kSizeRuns = 12;

RoutingRun example_routing() {
  Parameters parameters;
  parameters.nodes = kNodes;
  parameters.lookups = kLookups;
  parameters.latency = *simulations::parse_latency("lognormal:50ms:0.5");
  return simulations::run_routing(
      parameters, {Strategy::kademlia, Strategy::kademlia_rounds, Strategy::greedy, Strategy::ring},
      {});
}

ChurnRun example_churn() {
  Parameters parameters;
  parameters.nodes = 100;
  parameters.lookups = 20;
  parameters.upkeep = true;
  parameters.duration = std::chrono::minutes(30);
  parameters.samples = 15;
  parameters.churn = *simulations::parse_churn("exp:30min");
  return simulations::run_churn(parameters, {});
}

std::vector<SizeRun> example_sizes() {
  std::vector<SizeRun> out;
  Parameters parameters;
  parameters.nodes = kNodes;
  for (std::uint64_t run = 0; run < kSizeRuns; ++run) {
    parameters.seed = 1 + run;
    out.push_back(simulations::run_size(parameters, {}));
  }
  return out;
}

// The chart with the definitions of what it shows instead of its own notes.
Chart defined(Chart chart, std::initializer_list<std::string_view> metrics) {
  for (const auto& [name, definition] : simulations::metric_definitions()) {
    if (std::find(metrics.begin(), metrics.end(), name) == metrics.end()) continue;
    chart.notes.push_back(fmt::format("{}: {}.", name, definition));
  }
  return chart;
}

// How the lookups of one strategy that succeeded are spread over the values of one figure.
template <typename Member>
ChartSeries spread_of(const simulations::RoutingResult& result, std::string name, Member member) {
  std::map<double, double> counts;
  double n = 0;
  for (const Looked& sample : result.samples) {
    if (!sample.success) continue;
    counts[static_cast<double>(member(sample))] += 1;
    n += 1;
  }
  ChartSeries out{.name = std::move(name), .kind = Kind::bars, .points = {}};
  for (const auto& [value, count] : counts) out.points.emplace_back(value, 100 * count / n);
  return out;
}

Chart lookup_chart(const char* title, const char* x_label, std::vector<ChartSeries> series) {
  return {.title = title,
          .x_label = x_label,
          .y_label = "Share of lookups, %",
          .series = std::move(series)};
}

Chart named_bars(const char* title, const char* x_label,
                 const std::vector<std::pair<std::string, double>>& shares) {
  Chart out{.title = title,
            .x_label = x_label,
            .y_label = "Share, %",
            .series = {{.name = "", .kind = Kind::bars, .points = {}}},
            .y_top = 100,
            .bar_unit = " %"};
  for (const auto& [name, share] : shares) {
    out.series[0].points.emplace_back(static_cast<double>(out.x_names.size()), 100 * share);
    out.x_names.push_back(name);
  }
  return out;
}

void add_lookups(std::vector<Chart>& out) {
  const auto run = example_routing();
  const auto usual = routing_charts({run});
  const auto& walk = run.results[0];
  const auto& rounds = run.results[1];
  out.push_back(defined(usual[0], {"success"}));
  out.push_back(defined(
      lookup_chart("Hops of a lookup (kademlia)", "Hops",
                   {spread_of(walk, "hops-to-closest", [](auto& l) { return l.hops_to_closest; }),
                    spread_of(walk, "hops-first", [](auto& l) { return l.hops_first; })}),
      {"hops-to-closest", "hops-first"}));
  out.push_back(defined(
      lookup_chart("Requests of a lookup", "Requests",
                   {spread_of(walk, walk.strategy, [](auto& l) { return l.requests; }),
                    spread_of(rounds, rounds.strategy, [](auto& l) { return l.requests; })}),
      {"requests"}));
  out.push_back(
      defined(lookup_chart("Rounds of a lookup", "Rounds",
                           {spread_of(rounds, rounds.strategy, [](auto& l) { return l.rounds; })}),
              {"rounds"}));
  auto latency = usual[1];
  latency.marks = {{ChartMark::Of::y, 50, "p50, p90, p99"},
                   {ChartMark::Of::y, 90, ""},
                   {ChartMark::Of::y, 99, ""}};
  out.push_back(defined(std::move(latency), {"latency"}));
  out.push_back(
      defined(named_bars("Lookups that returned exactly the k closest", "Strategy",
                         {{walk.strategy, walk.exact_k}, {rounds.strategy, rounds.exact_k}}),
              {"exact-k"}));
}

void add_churn(std::vector<Chart>& out) {
  const auto run = example_churn();
  const auto usual = churn_charts({run});
  out.push_back(defined(usual[3], {"stale", "healed"}));
  out.push_back(defined(usual[4], {"traffic"}));
  out.push_back(defined(
      named_bars("What tables know when the churn ends", "Nodes",
                 {{"known-20", run.health.known_all}, {"known-below-18", run.health.known_few}}),
      {"known-20", "known-below-18"}));
}

void add_sizes(std::vector<Chart>& out) {
  auto usual = size_charts(example_sizes());
  usual[0] = defined(std::move(usual[0]), {"density", "robust", "common-peers", "buckets"});
  usual[1] = defined(std::move(usual[1]), {"bias, sd, coverage"});
  for (std::size_t i = 0; i < 4; ++i) out.push_back(std::move(usual[i]));
}

}  // namespace

std::vector<Chart> metrics_charts() {
  std::vector<Chart> out;
  add_lookups(out);
  add_churn(out);
  add_sizes(out);
  return out;
}

std::string metrics_caption() {
  return fmt::format(
      "Examples: {} lookups among {} nodes; 100 nodes with churn exp:30min for 30 min; the size of "
      "{} "
      "networks of {} nodes. k 20, alpha 10, seed 1.",
      kLookups, kNodes, kSizeRuns, kNodes);
}

}  // namespace cip::cli
