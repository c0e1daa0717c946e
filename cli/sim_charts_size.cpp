#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/sim_charts.hpp"
#include "simulations/statistics.hpp"

namespace cip::cli {
namespace {

using simulations::CapturePoint;
using Kind = ChartSeries::Kind;

// What each estimator said in every run, in percent of the truth.
struct Estimates {
  std::string estimator;
  std::vector<double> percents;
};

std::vector<Estimates> estimates_of(const std::vector<SizeRun>& runs) {
  std::vector<Estimates> out;
  for (const auto& run : runs) {
    for (const auto& result : run.results) {
      auto at = std::find_if(out.begin(), out.end(),
                             [&](const auto& one) { return one.estimator == result.estimator; });
      if (at == out.end()) at = out.insert(at, {result.estimator, {}});
      at->percents.push_back(100 * result.estimate / result.truth);
    }
  }
  return out;
}

// An estimator that is missing says so.
void note_missing(Chart& chart) {
  for (const char* name : {"density", "robust", "common-peers", "buckets"}) {
    if (std::find(chart.x_names.begin(), chart.x_names.end(), name) != chart.x_names.end())
      continue;
    chart.notes.push_back(fmt::format("{} is not here: it gave no estimate.", name));
  }
}

Chart over_estimators(const char* title, const char* y_label, Kind kind) {
  return {.title = title,
          .x_label = "Estimator",
          .y_label = y_label,
          .series = {{.name = "", .kind = kind, .points = {}}}};
}

Chart one_run_chart(const SizeRun& run) {
  auto out =
      over_estimators("Estimates and their 95 % intervals", "Estimate / truth, %", Kind::points);
  out.y_from_zero = false;
  out.marks = {{ChartMark::Of::y, 100, "truth"}};
  for (const auto& result : run.results) {
    auto& series = out.series[0];
    series.points.emplace_back(static_cast<double>(out.x_names.size()),
                               100 * result.estimate / result.truth);
    series.intervals.emplace_back(100 * result.low / result.truth,
                                  100 * result.high / result.truth);
    out.x_names.push_back(result.estimator);
    if (std::isfinite(result.high)) continue;
    out.notes.push_back(result.estimator + ": its interval has no upper end.");
  }
  note_missing(out);
  out.notes.push_back(
      "Bias, spread and coverage of the estimators show over several runs (--runs).");
  return out;
}

Chart spread_chart(const std::vector<Estimates>& all, std::size_t runs) {
  auto out = over_estimators("", "Estimate / truth, %", Kind::boxes);
  out.title = fmt::format("Estimates of {} runs", runs);
  out.y_from_zero = false;
  out.marks = {{ChartMark::Of::y, 100, "truth"}};
  out.notes = {
      "Box: the middle half of the runs, with their median; whiskers: from the smallest to the "
      "largest; marker: their mean."};
  for (const auto& [estimator, percents] : all) {
    const auto at = [&](double share) { return simulations::percentile_of(percents, share); };
    out.series[0].points.emplace_back(static_cast<double>(out.x_names.size()),
                                      simulations::mean_of(percents));
    out.series[0].boxes.push_back({at(0), at(0.25), at(0.5), at(0.75), at(1)});
    out.x_names.push_back(estimator);
  }
  note_missing(out);
  return out;
}

std::vector<Chart> summary_charts(const std::vector<SizeRun>& runs,
                                  const std::vector<Estimates>& all) {
  auto bias = over_estimators("Bias: mean of the runs, beside the truth", "Estimate - truth, %",
                              Kind::bars);
  auto spread = over_estimators("Spread: standard deviation of the runs", "Of estimate / truth, %",
                                Kind::bars);
  auto coverage =
      over_estimators("Coverage: runs whose 95 % interval holds the truth", "Share, %", Kind::bars);
  coverage.y_top = 100;
  coverage.marks = {{ChartMark::Of::y, 95, "what the intervals promise"}};
  bias.notes = {"Whiskers: 95 % interval of the mean."};
  for (Chart* chart : {&bias, &spread, &coverage}) chart->bar_unit = " %";
  for (const auto& summary : simulations::summarize_size(runs)) {
    const auto at = static_cast<double>(bias.x_names.size());
    bias.series[0].points.emplace_back(at, 100 * summary.bias);
    spread.series[0].points.emplace_back(at, 100 * summary.sd);
    coverage.series[0].points.emplace_back(at, 100 * summary.coverage);
    for (Chart* chart : {&bias, &spread, &coverage}) chart->x_names.push_back(summary.estimator);
    for (const auto& one : all) {
      if (one.estimator != summary.estimator) continue;
      const auto mean = simulations::interval_of(one.percents);
      bias.series[0].intervals.emplace_back(mean.low - 100, mean.high - 100);
    }
  }
  return {bias, spread, coverage};
}

// The bias curve of common peers: of one run with its interval, of several their mean and extent.
std::optional<Chart> capture_chart(const std::vector<SizeRun>& runs) {
  std::map<double, std::vector<double>> by_steps;
  std::vector<double> predicted;
  ChartSeries curve{
      .name = "common peers, shaded: 95 % interval", .kind = Kind::line, .points = {}};
  for (const auto& run : runs) {
    if (run.capture.empty()) continue;
    predicted.push_back(100 * run.predicted_capture);
    const double percent = 100 / run.results.front().truth;
    for (const CapturePoint& point : run.capture) {
      by_steps[point.steps].push_back(percent * point.estimate);
      if (runs.size() == 1) curve.intervals.emplace_back(percent * point.low, percent * point.high);
    }
  }
  if (by_steps.empty()) return std::nullopt;
  if (runs.size() > 1) curve.name = "common peers, mean; shaded: smallest to largest run";
  for (const auto& [steps, percents] : by_steps) {
    curve.points.emplace_back(steps, simulations::mean_of(percents));
    const auto [low, high] = std::minmax_element(percents.begin(), percents.end());
    if (runs.size() > 1) curve.intervals.emplace_back(*low, *high);
  }
  return Chart{.title = "Bias of common peers",
               .x_label = "Steps of each random walk",
               .y_label = "Estimate / truth, %",
               .series = {std::move(curve)},
               .marks = {{ChartMark::Of::y, simulations::mean_of(predicted),
                          "predicted by the skew of the tables"}}};
}

}  // namespace

std::vector<Chart> size_charts(const std::vector<SizeRun>& runs) {
  const auto all = estimates_of(runs);
  if (all.empty()) return {};
  std::vector<Chart> out;
  if (runs.size() == 1) {
    out.push_back(one_run_chart(runs.front()));
  } else {
    out.push_back(spread_chart(all, runs.size()));
    for (auto& chart : summary_charts(runs, all)) out.push_back(std::move(chart));
  }
  if (auto curve = capture_chart(runs)) out.push_back(std::move(*curve));
  return out;
}

}  // namespace cip::cli
