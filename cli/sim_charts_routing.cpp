#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/sim_charts.hpp"
#include "simulations/statistics.hpp"

namespace cip::cli {
namespace {

using simulations::Looked;
using Kind = ChartSeries::Kind;
using Points = std::vector<std::pair<double, double>>;

// What the lookups of one strategy came to, over all runs.
struct Reached {
  std::string strategy;
  std::string caveat;
  std::size_t lookups = 0;
  std::vector<double> latencies_ms;  // of those that succeeded
  std::vector<double> hops;

  double share() const {
    return lookups == 0 ? 0 : static_cast<double>(hops.size()) / static_cast<double>(lookups);
  }
  double most_hops() const {
    return hops.empty() ? 0 : *std::max_element(hops.begin(), hops.end());
  }
};

Reached reached_by(const std::vector<RoutingRun>& runs, std::size_t strategy) {
  const auto& first = runs.front().results[strategy];
  Reached out{.strategy = first.strategy, .caveat = first.caveat, .latencies_ms = {}, .hops = {}};
  for (const auto& run : runs) {
    if (strategy >= run.results.size()) continue;
    for (const Looked& sample : run.results[strategy].samples) {
      ++out.lookups;
      if (!sample.success) continue;
      out.latencies_ms.push_back(sample.latency_ms);
      out.hops.push_back(sample.hops_to_closest);
    }
  }
  return out;
}

// Share of the samples at or below each value, in percent. Those of no time count, but lie beyond a
// logarithmic axis.
Points cumulative(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  Points out;
  const auto n = static_cast<double>(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const bool is_last_of_its_value = i + 1 == samples.size() || samples[i] < samples[i + 1];
    if (samples[i] <= 0 || !is_last_of_its_value) continue;
    if (out.empty()) out.emplace_back(samples[i], 0);
    out.emplace_back(samples[i], 100 * static_cast<double>(i + 1) / n);
  }
  return out;
}

Points histogram(const std::vector<double>& samples) {
  std::map<double, double> counts;
  for (const double sample : samples) counts[sample] += 1;
  Points out;
  for (const auto& [value, count] : counts) {
    out.emplace_back(value, 100 * count / static_cast<double>(samples.size()));
  }
  return out;
}

// A strategy that is spared what the others bear does not stand beside them without a word.
void note_caveats(Chart& chart, const std::vector<Reached>& all) {
  for (const Reached& one : all) {
    if (!one.caveat.empty()) chart.notes.push_back(one.strategy + ": " + one.caveat + ".");
  }
}

Chart success_chart(const std::vector<Reached>& all) {
  Chart out{.title = "Lookups that reached the closest node",
            .x_label = "Strategy",
            .y_label = "Share, %",
            .series = {{.name = "", .kind = Kind::bars, .points = {}}},
            .y_top = 100,
            .bar_unit = " %"};
  for (const Reached& one : all) {
    out.series[0].points.emplace_back(static_cast<double>(out.x_names.size()), 100 * one.share());
    out.x_names.push_back(one.strategy);
  }
  note_caveats(out, all);
  return out;
}

std::string none_reached(const Reached& one) {
  return fmt::format("{} is not here: none of its {} lookups reached the closest node.",
                     one.strategy, one.lookups);
}

Chart latency_chart(const std::vector<Reached>& all) {
  Chart out{.title = "Latency of lookups that succeeded",
            .x_label = "Latency, ms (simulated)",
            .y_label = "Share at or below, %",
            .x_log = true,
            .y_top = 100};
  for (const Reached& one : all) {
    if (one.hops.empty()) out.notes.push_back(none_reached(one));
    out.series.push_back(
        {one.hops.empty() ? "" : one.strategy, Kind::steps, cumulative(one.latencies_ms)});
  }
  note_caveats(out, all);
  return out;
}

// Paths that are many times longer than the others' would leave these a line at the left.
Chart hops_chart(const std::vector<Reached>& all) {
  constexpr double kLongest = 20;
  double shortest = 1e300;
  for (const Reached& one : all) {
    if (!one.hops.empty()) shortest = std::min(shortest, one.most_hops());
  }
  const double limit = std::max(kLongest, 3 * shortest);
  Chart out{
      .title = "Hops to the closest node", .x_label = "Hops", .y_label = "Share of lookups, %"};
  for (const Reached& one : all) {
    const bool fits = one.most_hops() <= limit;
    out.series.push_back({one.hops.empty() || !fits ? "" : one.strategy, Kind::bars,
                          fits ? histogram(one.hops) : Points{}});
    if (one.hops.empty()) out.notes.push_back(none_reached(one));
    if (fits) continue;
    out.notes.push_back(
        fmt::format("{} is not here: its lookups took {:.0f} to {:.0f} hops, {:.1f} on average; "
                    "more than {:.0f} "
                    "would leave the others no room.",
                    one.strategy, *std::min_element(one.hops.begin(), one.hops.end()),
                    one.most_hops(), simulations::mean_of(one.hops), limit));
  }
  return out;
}

}  // namespace

std::vector<Chart> routing_charts(const std::vector<RoutingRun>& runs) {
  if (runs.empty() || runs.front().results.empty()) return {};
  std::vector<Reached> all;
  for (std::size_t i = 0; i < runs.front().results.size(); ++i) all.push_back(reached_by(runs, i));
  std::vector<std::vector<double>> fills;
  for (const auto& run : runs) fills.push_back(run.table_fill);
  return {success_chart(all), latency_chart(all), hops_chart(all),
          bucket_chart({"Table fill by bucket", "Contacts, mean of nodes"}, fills)};
}

}  // namespace cip::cli
