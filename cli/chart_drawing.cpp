#include "cli/chart_drawing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/chart_axis.hpp"
#include "cli/chart_style.hpp"

namespace cip::cli {
namespace {

using Kind = ChartSeries::Kind;

constexpr double kPlotHeight = 232;
constexpr std::size_t kMostPoints = 400;  // of one line: more cannot be told apart
constexpr std::size_t kMarkers = 6;       // of one line
constexpr SeriesLook kMarkLook{kChartInk, "4 3", 1.2};
constexpr SeriesLook kGridLook{kChartGrid, "", 1};
constexpr SeriesLook kAxisLook{kChartSoft, "", 1};

bool is_line(const ChartSeries& series) {
  return series.kind == Kind::line || series.kind == Kind::steps;
}

std::vector<std::size_t> kept_points(const ChartSeries& series) {
  std::vector<std::size_t> out;
  const std::size_t n = series.points.size();
  const std::size_t stride = std::max<std::size_t>(1, n / kMostPoints);
  for (std::size_t i = 0; i < n; ++i) {
    if (i % stride == 0 || i + 1 == n) out.push_back(i);
  }
  return out;
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart) : chart_(chart), axes_(axes_of(chart)) {
    for (const auto& series : chart.series) {
      lines_ += is_line(series) ? 1 : 0;
      bars_ += series.kind == Kind::bars && !series.points.empty() ? 1 : 0;
      point_series_ += series.kind == Kind::points ? 1 : 0;
    }
  }

  DrawnChart draw() {
    double y = 8;
    out_ += draw_title(chart_, y);
    legend(y);
    top_ = y + (chart_.bar_unit || has_x_marks() ? 20 : 8);
    bottom_ = top_ + kPlotHeight;
    vertical_axis();
    horizontal_axis();
    for (std::size_t i = 0; i < chart_.series.size(); ++i) band(chart_.series[i], i);
    for (std::size_t i = 0; i < chart_.series.size(); ++i) series(chart_.series[i], i);
    for (const auto& mark : chart_.marks) draw_mark(mark);
    out_ += labels_;
    y = bottom_ + 46;
    out_ += draw_notes(chart_, y);
    return {std::move(out_), y + 10};
  }

 private:
  bool has_x_marks() const {
    return std::any_of(chart_.marks.begin(), chart_.marks.end(),
                       [](const auto& mark) { return mark.axis == ChartMark::Of::x; });
  }
  double at_x(double value) const {
    return kChartLeft + axes_.x.share(value) * (kChartWidth - kChartLeft - kChartRight);
  }
  // Between two neighbours on a counted axis.
  double unit() const {
    return (kChartWidth - kChartLeft - kChartRight) / (axes_.x.high - axes_.x.low);
  }
  double at_y(double value) const { return bottom_ - axes_.y.share(value) * (bottom_ - top_); }

  // ---- legend

  struct Entry {
    std::string symbol;  // drawn at 0, 0 to 26, 12
    std::string name;
  };

  SeriesLook line_look(std::size_t index) const {
    auto look = look_of(index);
    if (lines_ == 1) look.width = 2.2;
    return look;
  }

  std::string symbol(const ChartSeries& series, std::size_t index) const {
    if (series.kind == Kind::points) return marker_element(index, 13, 6);
    if (!is_line(series)) {
      return fmt::format("<rect x=\"6\" width=\"14\" height=\"12\" fill=\"{}\" stroke=\"{}\"/>\n",
                         bar_fill(index), look_of(index).colour);
    }
    auto out = line_element({0, 6, 26, 6}, line_look(index));
    if (lines_ > 1) out += marker_element(index, 13, 6);
    return out;
  }

  void legend(double& y) {
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < chart_.series.size(); ++i) {
      const auto& one = chart_.series[i];
      if (!one.name.empty()) entries.push_back({symbol(one, i), one.name});
    }
    for (const auto& mark : chart_.marks) {
      if (mark.axis == ChartMark::Of::y && !mark.name.empty()) {
        entries.push_back({line_element({0, 6, 26, 6}, kMarkLook), mark.name});
      }
    }
    double x = kChartLeft;
    for (const auto& [drawn, name] : entries) {
      const double width = 32 + text_width(TextRole::label, name);
      if (x > kChartLeft && x + width > kChartWidth - 8) x = kChartLeft, y += 19;
      out_ += fmt::format("<g transform=\"translate({:.1f} {:.1f})\">\n{}</g>\n", x, y + 4, drawn);
      out_ += text_element(TextRole::label, {x + 32, y + 14}, name);
      x += width + 16;
    }
    if (!entries.empty()) y += 22;
  }

  // ---- axes

  void vertical_axis() {
    for (const double value : axes_.y.ticks()) {
      const double y = at_y(value);
      const bool is_zero = std::abs(value) < 1e-12;
      out_ += line_element({kChartLeft, y, kChartWidth - kChartRight, y},
                           is_zero ? kAxisLook : kGridLook);
      out_ +=
          text_element(TextRole::tick, {kChartLeft - 8, y + 4, Anchor::end}, number_text(value));
    }
    out_ += upward_text(TextRole::label, {16, (top_ + bottom_) / 2}, chart_.y_label);
  }

  void tick(double value, const std::string& text) {
    const double x = at_x(value);
    out_ += line_element({x, bottom_, x, bottom_ + 5}, kAxisLook);
    out_ += text_element(TextRole::tick, {x, bottom_ + 18, Anchor::middle}, text);
  }

  void horizontal_axis() {
    out_ += line_element({kChartLeft, bottom_, kChartWidth - kChartRight, bottom_}, kAxisLook);
    if (chart_.x_names.empty()) {
      for (const double value : axes_.x.ticks()) tick(value, number_text(value));
    }
    for (std::size_t i = 0; i < chart_.x_names.size(); ++i) {
      tick(static_cast<double>(i), chart_.x_names[i]);
    }
    out_ +=
        text_element(TextRole::label,
                     {(kChartLeft + kChartWidth - kChartRight) / 2, bottom_ + 38, Anchor::middle},
                     chart_.x_label);
  }

  // ---- series

  void series(const ChartSeries& series, std::size_t index) {
    switch (series.kind) {
      case Kind::bars:
        draw_bars(series, index);
        break;
      case Kind::boxes:
        draw_boxes(series, index);
        break;
      case Kind::points:
        whiskers(series, index);
        draw_points(series, index);
        break;
      default:
        draw_line(series, index);
    }
  }

  // Those that come first are larger, so that they show below later ones.
  void draw_points(const ChartSeries& series, std::size_t index) {
    const double size = ++points_drawn_ < point_series_ ? 1.8 : 1;
    for (const auto& [x, y] : series.points) out_ += marker_element(index, at_x(x), at_y(y), size);
  }

  void band(const ChartSeries& series, std::size_t index) {
    if (!is_line(series) || series.intervals.empty()) return;
    const auto kept = kept_points(series);
    std::string path;
    const auto add = [&](std::size_t i, double y) {
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L",
                          at_x(series.points[i].first), at_y(y));
    };
    for (const auto i : kept) add(i, series.intervals[i].second);
    for (auto i = kept.rbegin(); i != kept.rend(); ++i) add(*i, series.intervals[*i].first);
    out_ += fmt::format("<path d=\"{} Z\" fill=\"{}\" fill-opacity=\"0.18\"/>\n", path,
                        look_of(index).colour);
  }

  void draw_line(const ChartSeries& series, std::size_t index) {
    std::string path, markers;
    double last_y = 0;
    const auto kept = kept_points(series);
    const std::size_t every = std::max<std::size_t>(1, kept.size() / kMarkers);
    for (std::size_t n = 0; n < kept.size(); ++n) {
      const auto& [value, share] = series.points[kept[n]];
      const double x = at_x(value);
      if (n > 0 && series.kind == Kind::steps) path += fmt::format(" L{:.1f} {:.1f}", x, last_y);
      last_y = at_y(share);
      path += fmt::format("{}{:.1f} {:.1f}", n == 0 ? "M" : " L", x, last_y);
      // Of lines that run together each has its markers elsewhere.
      const std::size_t mine = every * index / std::max<std::size_t>(1, chart_.series.size());
      if (lines_ > 1 && n % every == mine) markers += marker_element(index, x, last_y);
    }
    const auto look = line_look(index);
    const auto dash = *look.dash == 0 ? "" : fmt::format(" stroke-dasharray=\"{}\"", look.dash);
    out_ += fmt::format(
                "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" "
                "stroke-linejoin=\"round\"{}/>\n",
                path, look.colour, look.width, dash) +
            markers;
  }

  void draw_bars(const ChartSeries& series, std::size_t index) {
    if (series.points.empty()) return;
    const double width = unit() * 0.8 / static_cast<double>(bars_);
    const double zero = at_y(0);
    for (const auto& [x, y] : series.points) {
      const double left = at_x(x) - unit() * 0.4 + width * bars_drawn_;
      const double top = std::min(zero, at_y(y));
      out_ += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" "
          "stroke=\"{}\"/>\n",
          left, top, std::max(1.0, width - 2), std::max(zero, at_y(y)) - top, bar_fill(index),
          look_of(index).colour);
      if (chart_.bar_unit) label_bar(left, width, top, y, !series.intervals.empty());
    }
    ++bars_drawn_;
    whiskers(series, index);
  }

  // On a ground of its own, above all lines; beside the whisker if there is one.
  void label_bar(double left, double width, double top, double value, bool has_whisker) {
    const auto text = fmt::format("{:.3g}{}", value, *chart_.bar_unit);
    const double wide = text_width(TextRole::label, text);
    const double begin = has_whisker ? left : left + (width - wide) / 2;
    labels_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"13\" fill=\"{}\"/>\n", begin,
        top - 16, wide, kChartPaper);
    labels_ += text_element(TextRole::label, {begin + wide / 2, top - 5, Anchor::middle}, text);
  }

  void draw_boxes(const ChartSeries& series, std::size_t index) {
    const auto look = SeriesLook{look_of(index).colour, "", 1.5};
    const double half = std::min(40.0, unit() * 0.2);
    for (std::size_t i = 0; i < series.boxes.size(); ++i) {
      const auto& box = series.boxes[i];
      const double x = at_x(series.points[i].first);
      whisker(x, box.low, box.high, look);
      out_ += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" "
          "stroke=\"{}\" stroke-width=\"1.5\"/>\n",
          x - half, at_y(box.third_quarter), 2 * half,
          at_y(box.first_quarter) - at_y(box.third_quarter), kChartAllowed, look.colour);
      const double median = at_y(box.median);
      out_ += line_element({x - half, median, x + half, median}, {look.colour, "", 3});
      out_ += marker_element(index + 2, x, at_y(series.points[i].second));
    }
  }

  void whisker(double x, double low, double high, const SeriesLook& look) {
    out_ += line_element({x, at_y(low), x, at_y(high)}, look);
    out_ += line_element({x - 5, at_y(low), x + 5, at_y(low)}, look);
    out_ += line_element({x - 5, at_y(high), x + 5, at_y(high)}, look);
  }

  void whiskers(const ChartSeries& series, std::size_t index) {
    const bool on_bars = series.kind == Kind::bars;
    const SeriesLook look{on_bars ? kChartInk : look_of(index).colour, "", 1.5};
    for (std::size_t i = 0; i < series.intervals.size(); ++i) {
      const auto& [low, high] = series.intervals[i];
      whisker(at_x(series.points[i].first), low, high, look);
    }
  }

  // A mark on y is named in the legend; one on x beside its upper end, where there is room.
  void draw_mark(const ChartMark& mark) {
    if (mark.axis == ChartMark::Of::y) {
      const double y = at_y(mark.at);
      out_ += line_element({kChartLeft, y, kChartWidth - kChartRight, y}, kMarkLook);
      return;
    }
    const double x = at_x(mark.at);
    out_ += line_element({x, top_ - 4, x, bottom_}, kMarkLook);
    const double width = text_width(TextRole::label, mark.name) / 2;
    const double middle =
        std::clamp(x, kChartLeft + width, std::max(kChartLeft + width, kChartWidth - 8 - width));
    out_ += text_element(TextRole::label, {middle, top_ - 8, Anchor::middle}, mark.name);
  }

  const Chart& chart_;
  ChartAxes axes_;
  std::size_t lines_ = 0;
  std::size_t bars_ = 0;
  std::size_t point_series_ = 0;
  double bars_drawn_ = 0;
  std::size_t points_drawn_ = 0;
  double top_ = 0;
  double bottom_ = 0;
  std::string out_;
  std::string labels_;
};

std::string lines_of_text(TextRole role, const std::string& text, double left, double& y) {
  std::string out;
  for (const auto& line : wrap_text(role, text, kChartWidth - left - 8)) {
    y += text_height(role);
    out += text_element(role, {left, y - 4}, line);
  }
  return out;
}

}  // namespace

std::string draw_title(const Chart& chart, double& y) {
  return lines_of_text(TextRole::title, chart.title, kChartLeft, y);
}

std::string draw_notes(const Chart& chart, double& y) {
  std::string out;
  for (const auto& note : chart.notes) out += lines_of_text(TextRole::note, note, kChartLeft, y);
  return out;
}

DrawnChart draw_chart(const Chart& chart) { return Drawing(chart).draw(); }

}  // namespace cip::cli
