// A chart of rows: long names have room before their bars, and each bar lies on the range in which
// it should end.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/chart_axis.hpp"
#include "cli/chart_drawing.hpp"
#include "cli/chart_style.hpp"

namespace cip::cli {
namespace {

constexpr double kRowHeight = 26;
constexpr double kNames = 16;      // where they begin
constexpr double kMostName = 250;  // longer ones are wrapped
constexpr double kLeastBar = 120;

double widest(const std::vector<ChartRow>& rows, std::string ChartRow::*text) {
  double out = 0;
  for (const auto& row : rows) out = std::max(out, text_width(TextRole::label, row.*text));
  return out;
}

class Rows {
 public:
  explicit Rows(const Chart& chart) : chart_(chart) {
    left_ = kNames + std::min(kMostName, widest(chart.rows, &ChartRow::name)) + 10;
    const double texts = widest(chart.rows, &ChartRow::text) + 18;
    right_ = std::max(left_ + kLeastBar, kChartWidth - texts);
    ChartSeries values;
    for (const auto& row : chart.rows) {
      for (const double x :
           {row.value, row.low, std::isfinite(row.high) ? row.high : row.low * 1.1}) {
        values.points.emplace_back(x, 0.0);
      }
    }
    axis_ = axes_of({.title = "", .x_label = "", .y_label = "", .series = {values}}).x;
  }

  DrawnChart draw() {
    double y = 8;
    out_ += draw_title(chart_, y);
    y += 10;
    const double top = y;
    const double bottom = top + kRowHeight * static_cast<double>(chart_.rows.size());
    for (const auto& row : chart_.rows) {
      allowed(row, y);
      y += kRowHeight;
    }
    ticks(top, bottom);
    y = top;
    for (const auto& row : chart_.rows) {
      draw_row(row, y);
      y += kRowHeight;
    }
    out_ += text_element(TextRole::label, {(left_ + right_) / 2, bottom + 38, Anchor::middle},
                         chart_.x_label);
    y = bottom + 46;
    out_ += draw_notes(chart_, y);
    return {std::move(out_), y + 10};
  }

 private:
  double at_x(double value) const { return left_ + axis_.share(value) * (right_ - left_); }

  void allowed(const ChartRow& row, double y) {
    out_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" fill=\"{}\"/>\n",
        at_x(row.low), y + 1, std::max(2.0, at_x(row.high) - at_x(row.low)), kRowHeight - 2,
        kChartAllowed);
  }

  void ticks(double top, double bottom) {
    for (const double value : axis_.ticks()) {
      const double x = at_x(value);
      out_ += line_element({x, top, x, bottom + 5}, {kChartGrid, "", 1});
      out_ += text_element(TextRole::tick, {x, bottom + 18, Anchor::middle}, number_text(value));
    }
    for (const auto& mark : chart_.marks) {
      out_ +=
          line_element({at_x(mark.at), top, at_x(mark.at), bottom + 5}, {kChartInk, "4 3", 1.2});
    }
  }

  void draw_row(const ChartRow& row, double y) {
    const auto lines = wrap_text(TextRole::tick, row.name, left_ - kNames - 4);
    double base = y + (lines.size() > 1 ? 11 : 17);
    for (const auto& line : lines) {
      out_ += text_element(TextRole::tick, {left_ - 8, base, Anchor::end}, line);
      base += 12;
    }
    const std::size_t look = row.holds ? 0 : 1;
    out_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" fill=\"{}\" "
        "stroke=\"{}\"/>\n",
        left_, y + 7, at_x(row.value) - left_, kRowHeight - 14, bar_fill(look),
        look_of(look).colour);
    out_ += text_element(TextRole::label, {right_ + 8, y + 17}, row.text);
  }

  const Chart& chart_;
  ChartAxis axis_;
  double left_ = 0;
  double right_ = 0;
  std::string out_;
};

}  // namespace

DrawnChart draw_rows(const Chart& chart) { return Rows(chart).draw(); }

}  // namespace cip::cli
