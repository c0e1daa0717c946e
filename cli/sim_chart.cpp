#include "cli/sim_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cip::cli {
namespace {

constexpr double kWidth = 680;
constexpr double kHeight = 340;
constexpr double kLeft = 72;
constexpr double kRight = 16;
constexpr double kTop = 58;
constexpr double kBottom = 52;
constexpr int kColours = 5;
constexpr std::size_t kMostPoints = 400;  // of one line: more cannot be told apart

struct Axis {
  double low = 0;
  double high = 1;
  double step = 0.2;
  bool log = false;

  double share(double value) const {
    if (!log) return (value - low) / (high - low);
    return (std::log10(value) - std::log10(low)) / (std::log10(high) - std::log10(low));
  }
};

// Steps of 1, 2 or 5 times a power of ten, about five of them.
double nice_step(double span) {
  const double power = std::pow(10, std::floor(std::log10(span / 5)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (span / (factor * power) <= 6) return factor * power;
  }
  return 10 * power;
}

Axis linear_axis(double low, double high, std::optional<double> top) {
  if (top) high = *top;
  if (high <= low) high = low + 1;
  Axis out;
  out.step = nice_step(high - low);
  out.low = std::floor(low / out.step) * out.step;
  out.high = std::ceil(high / out.step - 1e-9) * out.step;
  return out;
}

Axis log_axis(double low, double high) {
  Axis out;
  out.log = true;
  out.low = std::pow(10, std::floor(std::log10(low)));
  out.high = std::max(out.low * 10, std::pow(10, std::ceil(std::log10(high) - 1e-9)));
  return out;
}

std::string number_text(double value) {
  if (std::abs(value) < 1e-12) return "0";
  if (std::abs(value) >= 1e6) return fmt::format("{:.4g}M", value / 1e6);
  if (std::abs(value) >= 1e4) return fmt::format("{:.4g}k", value / 1e3);
  return fmt::format("{:.4g}", value);
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart) : chart_(chart) { choose_axes(); }

  std::string text() {
    out_ += fmt::format("<text class=\"title\" x=\"{}\" y=\"20\">{}</text>\n", kLeft,
                        escape_markup(chart_.title));
    legend();
    vertical_ticks();
    horizontal_ticks();
    int colour = 0;
    for (const auto& series : chart_.series) draw(series, colour++ % kColours);
    return std::move(out_);
  }

 private:
  void choose_axes() {
    double x_low = 1e300, x_high = -1e300, y_low = 0, y_high = -1e300;
    for (const auto& series : chart_.series) {
      for (const auto& [x, y] : series.points) {
        x_low = std::min(x_low, x);
        x_high = std::max(x_high, x);
        y_low = std::min(y_low, y);
        y_high = std::max(y_high, y);
      }
      for (const auto& [low, high] : series.intervals) y_high = std::max(y_high, high);
    }
    if (x_low > x_high) x_low = 0, x_high = 1;
    if (y_high < y_low) y_high = y_low + 1;
    y_ = linear_axis(y_low, y_high, chart_.y_top);
    if (has_bars() || !chart_.x_names.empty()) {
      const double names = static_cast<double>(chart_.x_names.size()) - 0.5;
      x_ = {x_low - 0.5, std::max(x_high + 0.5, names), nice_step(x_high - x_low + 1), false};
    } else {
      x_ = chart_.x_log && x_low > 0 ? log_axis(x_low, x_high)
                                     : linear_axis(std::min(x_low, 0.0), x_high, std::nullopt);
    }
  }

  bool has_bars() const {
    return std::any_of(chart_.series.begin(), chart_.series.end(),
                       [](const auto& series) { return series.kind == ChartSeries::Kind::bars; });
  }
  std::size_t bar_series() const {
    return static_cast<std::size_t>(
        std::count_if(chart_.series.begin(), chart_.series.end(),
                      [](const auto& series) { return series.kind == ChartSeries::Kind::bars; }));
  }

  double at_x(double value) const { return kLeft + x_.share(value) * (kWidth - kLeft - kRight); }
  double at_y(double value) const {
    return kHeight - kBottom - y_.share(std::min(value, y_.high)) * (kHeight - kTop - kBottom);
  }

  void legend() {
    double x = kLeft;
    int colour = 0;
    for (const auto& series : chart_.series) {
      const int mine = colour++ % kColours;
      if (series.name.empty()) continue;
      out_ += fmt::format(
          "<rect class=\"fill{}\" x=\"{:.1f}\" y=\"32\" width=\"12\" height=\"12\"/>"
          "<text class=\"legend\" x=\"{:.1f}\" y=\"42\">{}</text>\n",
          mine, x, x + 17, escape_markup(series.name));
      x += 34 + 7.0 * static_cast<double>(series.name.size());
    }
  }

  void vertical_ticks() {
    for (double value = y_.low; value <= y_.high + y_.step / 2; value += y_.step) {
      const double y = at_y(value);
      out_ += fmt::format(
          "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
          "<text class=\"tick end\" x=\"{}\" y=\"{:.1f}\">{}</text>\n",
          kLeft, kWidth - kRight, y, y, kLeft - 8, y + 4, number_text(value));
    }
    const double middle = (kTop + kHeight - kBottom) / 2;
    out_ += fmt::format(
        "<text class=\"label middle\" transform=\"translate(16 {:.1f}) rotate(-90)\">{}</text>\n",
        middle, escape_markup(chart_.y_label));
  }

  void tick(double value, const std::string& text) {
    const double x = at_x(value);
    const double bottom = kHeight - kBottom;
    out_ += fmt::format(
        "<line class=\"axis\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>"
        "<text class=\"tick middle\" x=\"{0:.1f}\" y=\"{3}\">{4}</text>\n",
        x, bottom, bottom + 5, bottom + 19, escape_markup(text));
  }

  void horizontal_ticks() {
    const double bottom = kHeight - kBottom;
    out_ += fmt::format("<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n", kLeft,
                        kWidth - kRight, bottom, bottom);
    if (!chart_.x_names.empty()) {
      for (std::size_t i = 0; i < chart_.x_names.size(); ++i) {
        tick(static_cast<double>(i), chart_.x_names[i]);
      }
    } else if (x_.log) {
      for (double value = x_.low; value <= x_.high * 1.01; value *= 10) {
        tick(value, number_text(value));
      }
    } else {
      const double step = has_bars() ? std::max(1.0, std::ceil(x_.step)) : x_.step;
      for (double value = std::ceil(x_.low / step) * step; value <= x_.high + step * 1e-6;
           value += step) {
        tick(value, number_text(value));
      }
    }
    out_ += fmt::format("<text class=\"label middle\" x=\"{:.1f}\" y=\"{}\">{}</text>\n",
                        (kLeft + kWidth - kRight) / 2, kHeight - 8, escape_markup(chart_.x_label));
  }

  void draw(const ChartSeries& series, int colour) {
    switch (series.kind) {
      case ChartSeries::Kind::bars:
        draw_bars(series, colour);
        break;
      case ChartSeries::Kind::points:
        draw_points(series, colour);
        break;
      default:
        draw_line(series, colour);
    }
    draw_intervals(series, colour);
  }

  void draw_bars(const ChartSeries& series, int colour) {
    const double unit = at_x(1) - at_x(0);
    const double width = unit * 0.8 / static_cast<double>(bar_series());
    for (const auto& [x, y] : series.points) {
      const double left = at_x(x) - unit * 0.4 + width * bars_drawn_;
      out_ += fmt::format(
          "<rect class=\"fill{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">"
          "<title>{}: {}</title></rect>\n",
          colour, left, at_y(y), std::max(1.0, width - 1), std::max(0.0, at_y(y_.low) - at_y(y)),
          escape_markup(series.name), number_text(y));
    }
    ++bars_drawn_;
  }

  void draw_points(const ChartSeries& series, int colour) {
    for (const auto& [x, y] : series.points) {
      out_ += fmt::format(
          "<circle class=\"fill{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"><title>{}</title>"
          "</circle>\n",
          colour, at_x(x), at_y(y), number_text(y));
    }
  }

  void draw_line(const ChartSeries& series, int colour) {
    std::string path;
    const std::size_t stride = std::max<std::size_t>(1, series.points.size() / kMostPoints);
    double last_y = 0;
    for (std::size_t i = 0; i < series.points.size(); ++i) {
      if (i % stride != 0 && i + 1 != series.points.size()) continue;
      const auto& [x, y] = series.points[i];
      if (!path.empty() && series.kind == ChartSeries::Kind::steps) {
        path += fmt::format(" L{:.1f} {:.1f}", at_x(x), last_y);
      }
      last_y = at_y(y);
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", at_x(x), last_y);
    }
    out_ += fmt::format("<path class=\"line{}\" d=\"{}\"/>\n", colour, path);
  }

  void draw_intervals(const ChartSeries& series, int colour) {
    for (std::size_t i = 0; i < series.intervals.size(); ++i) {
      const double x = at_x(series.points[i].first);
      const auto& [low, high] = series.intervals[i];
      out_ += fmt::format(
          "<path class=\"line{4}\" d=\"M{0:.1f} {1:.1f} V{2:.1f} M{3:.1f} {1:.1f} h8 M{3:.1f} "
          "{2:.1f} h8\"/>\n",
          x, at_y(low), at_y(high), x - 4, colour);
    }
  }

  const Chart& chart_;
  Axis x_;
  Axis y_;
  double bars_drawn_ = 0;
  std::string out_;
};

}  // namespace

std::string escape_markup(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// Okabe and Ito's colours, which people with any colour vision tell apart; lighter in the dark.
std::string chart_style() {
  return ":root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#57606a;--grid:#d8dee4;"
         "--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b0629a;--c4:#8a7400}\n"
         "@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e6edf3;--soft:#9aa5b1;"
         "--grid:#333b44;--c0:#56b4e9;--c1:#ff8a3d;--c2:#2dd4a0;--c3:#e39bcb;--c4:#e6c84f}}\n"
         "@media print{:root{--paper:#fff;--ink:#000;--soft:#333;--grid:#ccc;--c0:#0072b2;"
         "--c1:#d55e00;--c2:#009e73;--c3:#b0629a;--c4:#8a7400}}\n"
         ".chart text{font-family:system-ui,sans-serif;font-size:12px;fill:var(--soft)}\n"
         ".chart .title{font-size:15px;font-weight:600;fill:var(--ink)}\n"
         ".chart .legend,.chart .label{fill:var(--ink)}\n"
         ".chart .end{text-anchor:end}.chart .middle{text-anchor:middle}\n"
         ".chart .grid{stroke:var(--grid)}.chart .axis{stroke:var(--soft)}\n"
         ".line0,.line1,.line2,.line3,.line4{fill:none;stroke-width:2}\n"
         ".line0{stroke:var(--c0)}.line1{stroke:var(--c1)}.line2{stroke:var(--c2)}"
         ".line3{stroke:var(--c3)}.line4{stroke:var(--c4)}\n"
         ".fill0{fill:var(--c0)}.fill1{fill:var(--c1)}.fill2{fill:var(--c2)}"
         ".fill3{fill:var(--c3)}.fill4{fill:var(--c4)}\n";
}

std::string svg_figure(const Chart& chart) {
  return fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n",
      kWidth, kHeight, escape_markup(chart.title), Drawing(chart).text());
}

std::string svg_document(const std::vector<Chart>& charts) {
  const double height = kHeight * static_cast<double>(std::max<std::size_t>(1, charts.size()));
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\">\n<style>\n{2}</style>\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"var(--paper)\"/>\n",
      kWidth, height, chart_style());
  for (std::size_t i = 0; i < charts.size(); ++i) {
    out += fmt::format("<g class=\"chart\" transform=\"translate(0 {})\">\n{}</g>\n",
                       kHeight * static_cast<double>(i), Drawing(charts[i]).text());
  }
  return out + "</svg>\n";
}

}  // namespace cip::cli
