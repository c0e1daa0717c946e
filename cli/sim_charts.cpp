#include "cli/sim_charts.hpp"

#include <algorithm>

#include "simulations/statistics.hpp"

namespace cip::cli {

Chart bucket_chart(const BucketFigures& what, const std::vector<std::vector<double>>& runs) {
  ChartSeries series{.name = "", .kind = ChartSeries::Kind::bars, .points = {}};
  std::size_t buckets = 0;
  for (const auto& run : runs) buckets = std::max(buckets, run.size());
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    std::vector<double> values;
    for (const auto& run : runs) {
      if (!run.empty()) values.push_back(bucket < run.size() ? what.factor * run[bucket] : 0);
    }
    series.points.emplace_back(static_cast<double>(bucket), simulations::mean_of(values));
    if (runs.size() < 2) continue;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    series.intervals.emplace_back(*low, *high);
  }
  Chart out{.title = what.title,
            .x_label = "Bucket (bits shared with the own id)",
            .y_label = what.y_label,
            .series = {std::move(series)}};
  if (runs.size() > 1) {
    out.notes.push_back(
        "Bars: the mean of the runs; whiskers: from the smallest to the largest of them.");
  }
  return out;
}

}  // namespace cip::cli
