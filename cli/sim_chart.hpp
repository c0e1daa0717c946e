#pragma once

// Charts as SVG, written here because the command itself writes them: a library in JavaScript would
// need a browser to make a file. Colours are CSS variables with values for light and dark, so that
// one drawing serves a page, a dark screen and paper.

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cip::cli {

struct ChartSeries {
  enum class Kind { line, steps, points, bars };

  std::string name;  // in the legend; empty: not there
  Kind kind = Kind::line;
  std::vector<std::pair<double, double>> points;
  std::vector<std::pair<double, double>> intervals;  // low and high of each point; may be empty
};

struct Chart {
  std::string title;
  std::string x_label;  // with its unit
  std::string y_label;
  std::vector<ChartSeries> series{};
  bool x_log = false;
  std::vector<std::string> x_names{};  // of x = 0, 1, 2 …; empty: numbers
  std::optional<double> y_top{};       // the axis ends here, e.g. 100 of percentages
};

// One drawing, `charts` below each other: a whole SVG file.
std::string svg_document(const std::vector<Chart>& charts);
// One chart to put into a page that has chart_style().
std::string svg_figure(const Chart& chart);
// The CSS of both.
std::string chart_style();
// <, >, & and quotes made harmless.
std::string escape_markup(const std::string& text);

}  // namespace cip::cli
