#include "cli/chart_axis.hpp"

#include <algorithm>
#include <cmath>

namespace cip::cli {
namespace {

constexpr double kSteps[] = {1, 2, 5};

struct Range {
  double low = 1e300;
  double high = -1e300;

  bool empty() const { return low > high; }
  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// Steps of 1, 2 or 5 times a power of ten, about five of them.
double nice_step(double span) {
  const double power = std::pow(10, std::floor(std::log10(span / 5)));
  for (const double factor : kSteps) {
    if (span / (factor * power) <= 6) return factor * power;
  }
  return 10 * power;
}

ChartAxis linear_axis(double low, double high) {
  if (high <= low) high = low + 1;
  ChartAxis out;
  out.step = nice_step(high - low);
  out.low = std::floor(low / out.step + 1e-9) * out.step;
  out.high = std::ceil(high / out.step - 1e-9) * out.step;
  return out;
}

// From the 1, 2 or 5 below to the one above.
ChartAxis log_axis(double low, double high) {
  ChartAxis out{1e300, -1e300, 0, true};
  const double first = std::floor(std::log10(low));
  for (double power = first; power <= std::ceil(std::log10(high)); ++power) {
    for (const double factor : kSteps) {
      const double value = factor * std::pow(10, power);
      if (value <= low * (1 + 1e-9)) out.low = value;
      if (out.high < high) out.high = value;
    }
  }
  if (out.high <= out.low) out.high = 10 * out.low;
  return out;
}

// Whole numbers, with room for a bar at both ends.
ChartAxis counted_axis(const Chart& chart, const Range& x) {
  constexpr double kAllWritten = 16;
  const double step = x.high - x.low < kAllWritten ? 1 : nice_step(x.high - x.low + 1);
  const double names = static_cast<double>(chart.x_names.size()) - 0.5;
  return {x.low - 0.5, std::max(x.high + 0.5, names), std::ceil(step), false};
}

void add_series(const ChartSeries& series, Range& x, Range& y) {
  for (const auto& [at, value] : series.points) {
    x.add(at);
    y.add(value);
  }
  for (const auto& [low, high] : series.intervals) {
    y.add(low);
    y.add(high);
  }
  for (const auto& box : series.boxes) {
    y.add(box.low);
    y.add(box.high);
  }
}

}  // namespace

double ChartAxis::share(double value) const {
  if (std::isnan(value)) return 0;
  const double inside = std::clamp(value, low, high);
  if (!log) return (inside - low) / (high - low);
  return (std::log10(inside) - std::log10(low)) / (std::log10(high) - std::log10(low));
}

std::vector<double> ChartAxis::ticks() const {
  std::vector<double> out;
  if (!log) {
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-6; ++i) {
      out.push_back(i * step);
    }
    return out;
  }
  const bool is_long = high / low > 1000;  // only powers of ten have room
  for (double power = std::floor(std::log10(low)); out.empty() || out.back() < high; ++power) {
    for (const double factor : kSteps) {
      const double value = factor * std::pow(10, power);
      if (value > high * (1 + 1e-9)) return out;
      if (value >= low * (1 - 1e-9) && (factor < 2 || !is_long)) out.push_back(value);
    }
  }
  return out;
}

bool has_bars(const Chart& chart) {
  return std::any_of(chart.series.begin(), chart.series.end(), [](const auto& series) {
    return series.kind == ChartSeries::Kind::bars || series.kind == ChartSeries::Kind::boxes;
  });
}

ChartAxes axes_of(const Chart& chart) {
  Range x, y;
  for (const auto& series : chart.series) add_series(series, x, y);
  for (const auto& mark : chart.marks) (mark.axis == ChartMark::Of::x ? x : y).add(mark.at);
  if (chart.y_from_zero) y.add(0);
  if (chart.y_top) y.add(*chart.y_top);
  if (x.empty()) x = {0, 1};
  if (y.empty()) y = {0, 1};
  if (chart.y_top) y.high = *chart.y_top;
  ChartAxes out;
  out.y = linear_axis(y.low, y.high);
  if (has_bars(chart) || !chart.x_names.empty()) {
    out.x = counted_axis(chart, x);
  } else if (chart.x_log && x.low > 0) {
    out.x = log_axis(x.low, x.high);
  } else {
    out.x = linear_axis(std::min(x.low, 0.0), x.high);
  }
  return out;
}

}  // namespace cip::cli
