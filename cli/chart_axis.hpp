#pragma once

// The axes of a chart: where values lie on them, and which are written at them.

#include <optional>
#include <utility>
#include <vector>

#include "cli/chart.hpp"

namespace cip::cli {

struct ChartAxis {
  double low = 0;
  double high = 1;
  double step = 0.2;  // between the values that are written; not of a logarithmic one
  bool log = false;

  // 0 at the low end, 1 at the high one; values beyond an end lie at it.
  double share(double value) const;
  // The values that are written.
  std::vector<double> ticks() const;
};

struct ChartAxes {
  ChartAxis x;
  ChartAxis y;
};
// Axes that hold all of the chart. Values that are not finite do not count.
ChartAxes axes_of(const Chart& chart);
bool has_bars(const Chart& chart);

}  // namespace cip::cli
