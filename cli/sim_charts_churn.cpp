#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/sim_charts.hpp"
#include "simulations/statistics.hpp"

namespace cip::cli {
namespace {

using simulations::ChurnSample;
using Kind = ChartSeries::Kind;

struct TimeUnit {
  const char* label;
  double seconds;
};

TimeUnit unit_for(double last_s) {
  constexpr double kShort = 2 * 3600;
  return last_s <= kShort ? TimeUnit{"Simulated time, min", 60}
                          : TimeUnit{"Simulated time, h", 3600};
}

// All runs side by side: what is drawn at every moment of theirs.
class OverTime {
 public:
  explicit OverTime(const std::vector<ChurnRun>& runs) : runs_(runs) {
    double last_s = 0;
    for (const auto& run : runs) {
      if (run.joined + run.left > 0) has_moves_ = true;
      for (const auto& sample : run.samples) {
        last_s = std::max(last_s, sample.at_s);
        if (sample.healing) has_ended_ = true;
        if (!sample.healing) churn_s_ = std::max(churn_s_, sample.at_s);
      }
    }
    unit_ = unit_for(last_s);
  }

  template <typename Member>
  Chart chart(const char* title, const char* y_label, Member member) const {
    std::map<double, std::vector<double>> moments;
    for (const auto& run : runs_) {
      for (const auto& sample : run.samples) {
        moments[sample.at_s / unit_.seconds].push_back(member(sample));
      }
    }
    const bool several = runs_.size() > 1;
    ChartSeries series{.name = "", .kind = Kind::line, .points = {}};
    if (several) {
      series.name =
          fmt::format("mean of {} runs, shaded from the smallest to the largest", runs_.size());
    }
    for (const auto& [at, values] : moments) {
      series.points.emplace_back(at, simulations::mean_of(values));
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      if (several) series.intervals.emplace_back(*low, *high);
    }
    Chart out{
        .title = title, .x_label = unit_.label, .y_label = y_label, .series = {std::move(series)}};
    if (has_ended_) {
      out.marks = {{ChartMark::Of::x, churn_s_ / unit_.seconds,
                    has_moves_ ? "churn ends" : "nobody came or went"}};
    }
    return out;
  }

  // When the tables were looked at.
  const char* moment() const { return has_moves_ ? "when the churn ended" : "at the mark"; }

  // How the runs healed, in words.
  std::string healing() const {
    if (!has_ended_) return "Interrupted before the churn ended.";
    double healed = 0, first = 1e300, last = 0;
    for (const auto& run : runs_) {
      if (!run.healed_s) continue;
      ++healed;
      first = std::min(first, *run.healed_s);
      last = std::max(last, *run.healed_s);
    }
    if (healed == 0) return "No run healed within the bound of 1 h, or before an interrupt.";
    const auto time = first < last ? fmt::format("{:.0f} to {:.0f} min", first / 60, last / 60)
                                   : fmt::format("{:.0f} min", last / 60);
    const auto of_runs = fmt::format("{:.0f} of {}", healed, plural(runs_.size(), "run"));
    if (!has_moves_) {
      return fmt::format(
          "Nobody came or went: there was no churn to heal from. {} was sound {} after "
          "the mark; a run has no samples after that.",
          of_runs, time);
    }
    return fmt::format("{} healed, {} after the churn ended; a run has no samples after that.",
                       of_runs, time);
  }

 private:
  const std::vector<ChurnRun>& runs_;
  TimeUnit unit_{};
  bool has_ended_ = false;
  bool has_moves_ = false;
  double churn_s_ = 0;
};

}  // namespace

std::vector<Chart> churn_charts(const std::vector<ChurnRun>& runs) {
  if (runs.empty() || runs.front().samples.empty()) return {};
  using Sample = ChurnSample;
  const OverTime over_time(runs);
  auto success = over_time.chart("Lookups that reached the closest node", "Share, %",
                                 [](const Sample& s) { return 100 * s.success; });
  success.y_top = 100;
  success.notes = {over_time.healing()};
  std::vector<Chart> out{
      over_time.chart("Population", "Living nodes", [](const Sample& s) { return s.living; }),
      std::move(success),
      over_time.chart("Median latency of lookups", "Latency, ms (simulated)",
                      [](const Sample& s) { return s.latency_p50_ms; }),
      over_time.chart("Dead entries in tables", "Share, %",
                      [](const Sample& s) { return 100 * s.stale; }),
      over_time.chart("Traffic of a node", "Received, bytes/s",
                      [](const Sample& s) { return s.bytes_per_second; })};
  std::vector<std::vector<double>> fill, stale;
  for (const auto& run : runs) {
    if (run.health.fill.empty()) continue;
    fill.push_back(run.health.fill);
    stale.push_back(run.health.stale);
  }
  if (fill.empty()) return out;
  const auto title = [&](const char* what) {
    return fmt::format("{} by bucket {}", what, over_time.moment());
  };
  out.push_back(bucket_chart({title("Table fill"), "Contacts, mean of nodes"}, fill));
  out.push_back(bucket_chart({title("Dead entries"), "Share, %", 100}, stale));
  return out;
}

}  // namespace cip::cli
