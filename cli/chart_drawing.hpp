#pragma once

// The elements of one chart, from its title at 0, 0 down to `height`.

#include <string>

#include "cli/chart.hpp"

namespace cip::cli {

inline constexpr double kChartLeft = 72;
inline constexpr double kChartRight = 24;

struct DrawnChart {
  std::string elements;
  double height = 0;
};
// Axes and series.
DrawnChart draw_chart(const Chart& chart);
// Rows (chart_rows.cpp).
DrawnChart draw_rows(const Chart& chart);

// Lines of text below each other from `y` on; `y` is below them afterwards.
std::string draw_title(const Chart& chart, double& y);
std::string draw_notes(const Chart& chart, double& y);

}  // namespace cip::cli
