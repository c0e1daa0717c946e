#include "cli/sim_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace cip::cli {
namespace {

using simulations::Looked;
using Kind = ChartSeries::Kind;
using Points = std::vector<std::pair<double, double>>;

// Share of the samples at or below each value, in percent.
Points cumulative(std::vector<double> samples) {
  constexpr std::size_t kMost = 400;
  std::sort(samples.begin(), samples.end());
  Points out;
  const auto n = static_cast<double>(samples.size());
  const std::size_t stride = std::max<std::size_t>(1, samples.size() / kMost);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i % stride != 0 && i + 1 != samples.size()) continue;
    out.emplace_back(samples[i], 100 * static_cast<double>(i + 1) / n);
  }
  return out;
}

Points by_index(const std::vector<double>& values, double factor = 1) {
  Points out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    out.emplace_back(static_cast<double>(i), values[i] * factor);
  }
  return out;
}

// All lookups of one strategy over all runs.
std::vector<Looked> samples_of(const std::vector<RoutingRun>& runs, std::size_t strategy) {
  std::vector<Looked> out;
  for (const auto& run : runs) {
    if (strategy >= run.results.size()) continue;
    const auto& samples = run.results[strategy].samples;
    out.insert(out.end(), samples.begin(), samples.end());
  }
  return out;
}

Points histogram(const std::vector<Looked>& samples) {
  std::map<unsigned, double> counts;
  double n = 0;
  for (const Looked& sample : samples) {
    if (!sample.success) continue;
    counts[sample.hops_to_closest] += 1;
    n += 1;
  }
  Points out;
  for (const auto& [hops, count] : counts) out.emplace_back(hops, 100 * count / n);
  return out;
}

Chart fill_chart(const std::vector<double>& fill) {
  return {"Table fill by bucket",
          "Bucket (bits shared with the own id)",
          "Contacts, mean of nodes",
          {{"", Kind::bars, by_index(fill), {}}}};
}

// Mean over the runs of one member, by the place of the sample.
template <typename Member>
Points over_time(const std::vector<ChurnRun>& runs, Member member) {
  Points out;
  for (const auto& sample : runs.front().samples) {
    out.emplace_back(sample.at_s / 3600, member(sample));
  }
  return out;
}

// Least squares: y = a + b log2 x.
std::pair<double, double> fit_log2(const Points& points) {
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const auto& [x, y] : points) {
    const double l = std::log2(x);
    n += 1, sx += l, sy += y, sxx += l * l, sxy += l * y;
  }
  const double b = (n * sxy - sx * sy) / (n * sxx - sx * sx);
  return {(sy - b * sx) / n, b};
}

Chart estimates_chart(const std::vector<SizeRun>& runs) {
  Chart out{"Estimate against truth", "Run", "Estimate / truth, %", {}};
  std::map<std::string, std::size_t> place;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    for (const auto& result : runs[run].results) {
      const auto [at, fresh] = place.emplace(result.estimator, out.series.size());
      if (fresh) out.series.push_back({result.estimator, Kind::points, {}, {}});
      auto& series = out.series[at->second];
      // Side by side, so that intervals do not cover each other.
      const double x = static_cast<double>(run + 1) + 0.15 * static_cast<double>(at->second);
      series.points.emplace_back(x, 100 * result.estimate / result.truth);
      series.intervals.emplace_back(100 * result.low / result.truth,
                                    100 * result.high / result.truth);
    }
  }
  const double last = static_cast<double>(runs.size()) + 0.6;
  out.series.push_back({"truth", Kind::line, {{0.8, 100}, {last, 100}}, {}});
  return out;
}

}  // namespace

std::vector<Chart> routing_charts(const std::vector<RoutingRun>& runs) {
  if (runs.empty() || runs.front().results.empty()) return {};
  Chart success{"Lookups that reached the closest node", "Strategy", "Share, %", {}};
  success.y_top = 100;
  Chart latency{
      "Latency of lookups that succeeded", "Latency, ms (simulated)", "Share at or below, %", {}};
  latency.x_log = true;
  latency.y_top = 100;
  Chart hops{"Hops to the closest node", "Hops", "Share of lookups, %", {}};
  Points shares;
  for (std::size_t i = 0; i < runs.front().results.size(); ++i) {
    const auto& name = runs.front().results[i].strategy;
    const auto samples = samples_of(runs, i);
    double reached = 0;
    std::vector<double> times;
    for (const Looked& sample : samples) {
      if (!sample.success) continue;
      reached += 1;
      if (sample.latency_ms > 0) times.push_back(sample.latency_ms);
    }
    success.x_names.push_back(name);
    shares.emplace_back(static_cast<double>(i),
                        samples.empty() ? 0 : 100 * reached / static_cast<double>(samples.size()));
    latency.series.push_back({name, Kind::steps, cumulative(std::move(times)), {}});
    if (name != "ring") hops.series.push_back({name, Kind::bars, histogram(samples), {}});
  }
  success.series.push_back({"", Kind::bars, std::move(shares), {}});
  std::vector<Chart> out{std::move(success), std::move(latency)};
  if (!hops.series.empty()) out.push_back(std::move(hops));
  out.push_back(fill_chart(runs.front().table_fill));
  return out;
}

std::vector<Chart> size_charts(const std::vector<SizeRun>& runs) {
  if (runs.empty() || runs.front().results.empty()) return {};
  std::vector<Chart> out{estimates_chart(runs)};
  if (runs.front().capture.empty()) return out;
  const double truth = runs.front().results.front().truth;
  Points curve;
  std::vector<std::pair<double, double>> intervals;
  for (const auto& point : runs.front().capture) {
    curve.emplace_back(point.steps, 100 * point.estimate / truth);
    intervals.emplace_back(100 * point.low / truth, 100 * point.high / truth);
  }
  const double expected = 100 * runs.front().predicted_capture;
  Chart bias{"Bias of common peers", "Steps of each random walk", "Estimate / truth, %", {}};
  bias.series.push_back({"common peers", Kind::line, curve, std::move(intervals)});
  bias.series.push_back({"predicted by the skew of tables",
                         Kind::line,
                         {{curve.front().first, expected}, {curve.back().first, expected}},
                         {}});
  out.push_back(std::move(bias));
  return out;
}

std::vector<Chart> churn_charts(const std::vector<ChurnRun>& runs) {
  if (runs.empty() || runs.front().samples.empty()) return {};
  using Sample = simulations::ChurnSample;
  const char* time = "Simulated time, h";
  const auto chart = [&](const char* title, const char* unit, auto member) {
    return Chart{title, time, unit, {{"", Kind::line, over_time(runs, member), {}}}};
  };
  auto success = chart("Lookups that reached the closest node", "Share, %",
                       [](const Sample& s) { return 100 * s.success; });
  success.y_top = 100;
  std::vector<Chart> out{
      chart("Population", "Living nodes", [](const Sample& s) { return s.living; }),
      std::move(success),
      chart("Median latency of lookups", "Latency, ms (simulated)",
            [](const Sample& s) { return s.latency_p50_ms; }),
      chart("Dead entries in tables", "Share, %", [](const Sample& s) { return 100 * s.stale; }),
      chart("Traffic of a node", "Received, bytes/s",
            [](const Sample& s) { return s.bytes_per_second; })};
  if (!runs.front().health.fill.empty()) {
    out.push_back(fill_chart(runs.front().health.fill));
    out.push_back({"Dead entries by bucket",
                   "Bucket (bits shared with the own id)",
                   "Share, %",
                   {{"", Kind::bars, by_index(runs.front().health.stale, 100), {}}}});
  }
  return out;
}

std::vector<Chart> paper_charts(const PaperRun& run) {
  if (run.rows.empty()) return {};
  std::vector<Chart> out;
  if (run.hops_by_nodes.size() >= 2) {
    const auto [a, b] = fit_log2(run.hops_by_nodes);
    Points fitted;
    for (const auto& [nodes, hops] : run.hops_by_nodes) {
      fitted.emplace_back(nodes, a + b * std::log2(nodes));
    }
    Chart chart{"Hops by the number of nodes", "Nodes", "Hops to the closest node, mean", {}};
    chart.x_log = true;
    chart.series.push_back({"measured", Kind::points, run.hops_by_nodes, {}});
    chart.series.push_back(
        {fmt::format("{:.2f} + {:.3f} log2 N", a, b), Kind::line, std::move(fitted), {}});
    out.push_back(std::move(chart));
  }
  Chart ratio{run.title, "Figure, in the order of the table", "Ours / published, %", {}};
  Points ours;
  for (std::size_t i = 0; i < run.rows.size(); ++i) {
    ratio.x_names.push_back(std::to_string(i + 1));
    ours.emplace_back(static_cast<double>(i), 100 * run.rows[i].ours / run.rows[i].published);
  }
  ratio.series.push_back({"", Kind::bars, std::move(ours), {}});
  out.push_back(std::move(ratio));
  return out;
}

std::string html_page(const std::string& title, const std::string& replay, const std::string& text,
                      const std::vector<Chart>& charts) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{0}</title>\n<style>\n{1}"
      "body{{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;"
      "max-width:1420px;margin:24px auto;padding:0 16px}}\n"
      "h1{{font-size:22px}}code,pre{{font:13px/1.45 ui-monospace,monospace}}"
      "pre{{overflow-x:auto}}code{{overflow-wrap:anywhere}}\n"
      "@media print{{pre{{font-size:9px;white-space:pre-wrap;overflow-wrap:anywhere;"
      "overflow:visible}}}}\n"
      ".charts{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr));"
      "gap:16px}}.chart{{width:100%;height:auto;break-inside:avoid}}\n</style></head>\n<body>\n"
      "<h1>{0}</h1>\n<p>Repeat with <code>{2}</code></p>\n<div class=\"charts\">\n",
      escape_markup(title), chart_style(), escape_markup(replay));
  for (const auto& chart : charts) out += svg_figure(chart);
  out += "</div>\n<h2>Figures</h2>\n<pre>" + escape_markup(text) + "</pre>\n";
  return out + "</body></html>\n";
}

}  // namespace cip::cli
