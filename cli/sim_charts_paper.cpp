#include <fmt/format.h>

#include <cmath>

#include "cli/sim_charts.hpp"

namespace cip::cli {
namespace {

using simulations::PaperRow;
using Kind = ChartSeries::Kind;
using Points = std::vector<std::pair<double, double>>;

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

Chart hops_chart(const PaperRun& run) {
  Points ours, published, fitted;
  for (const auto& hops : run.hops_by_nodes) {
    ours.emplace_back(hops.nodes, hops.ours);
    published.emplace_back(hops.nodes, hops.published);
  }
  const auto [a, b] = fit_log2(ours);
  for (const auto& [nodes, hops] : ours) fitted.emplace_back(nodes, a + b * std::log2(nodes));
  return {.title = "Hops by the number of nodes",
          .x_label = "Nodes",
          .y_label = "Hops to closest node, mean",
          .series = {{fmt::format("fit of ours: {:.2f} + {:.3f} log2 N", a, b), Kind::line,
                      std::move(fitted)},
                     {"published", Kind::points, std::move(published)},
                     {"ours", Kind::points, std::move(ours)}},
          .x_log = true};
}

ChartRow row_of(const PaperRow& row) {
  const double whole = row.published.value_or(row.high < 1e300 ? row.high : row.low);
  return {.name = row.figure,
          .value = 100 * row.ours / whole,
          .low = 100 * row.low / whole,
          .high = row.high < 1e300 ? 100 * row.high / whole : HUGE_VAL,
          .text = row.published ? fmt::format("{:.4g}, published {:.4g}", row.ours, *row.published)
                                : fmt::format("{:.4g}, our limit {:.4g}", row.ours, whole),
          .holds = row.is_hit()};
}

}  // namespace

std::vector<Chart> paper_charts(const PaperRun& run) {
  if (run.rows.empty()) return {};
  std::vector<Chart> out;
  if (run.hops_by_nodes.size() >= 2) out.push_back(hops_chart(run));
  Chart rows{.title = run.title,
             .x_label = "Ours, % of the published figure",
             .y_label = "",
             .marks = {{ChartMark::Of::x, 100, ""}},
             .notes = {"Shaded: where a figure counts as hit. Hatched bars missed it."}};
  bool has_own_limit = false;
  for (const PaperRow& row : run.rows) {
    rows.rows.push_back(row_of(row));
    has_own_limit = has_own_limit || !row.published;
  }
  if (has_own_limit) {
    rows.notes.push_back("Where nothing is published: % of a limit of our own.");
  }
  out.push_back(std::move(rows));
  return out;
}

}  // namespace cip::cli
