#pragma once

// Charts as SVG, written here because the command itself writes them: a library in JavaScript would
// need a browser to make a file. This is what a chart shows; how it looks is said in
// chart_style.hpp.

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cip::cli {

// Where the samples of one group lie; their mean is the series' point.
struct ChartBox {
  double low = 0;
  double first_quarter = 0;
  double median = 0;
  double third_quarter = 0;
  double high = 0;
};

struct ChartSeries {
  enum class Kind { line, steps, points, bars, boxes };

  std::string name;  // in the legend; empty: not there
  Kind kind = Kind::line;
  std::vector<std::pair<double, double>> points;
  // Low and high of each point: a band around a line, whiskers elsewhere. May be empty.
  std::vector<std::pair<double, double>> intervals{};
  std::vector<ChartBox> boxes{};  // one for each point of Kind::boxes
};

// A value to hold the series against: a line across the chart, named.
struct ChartMark {
  enum class Of { x, y };

  Of axis = Of::y;
  double at = 0;
  std::string name;
};

// One line of a chart of rows: a bar from the left with its name before and its text behind it.
struct ChartRow {
  std::string name;
  double value = 0;
  double low = 0;   // the value should lie from here
  double high = 0;  // to here; may be infinite
  std::string text;
  bool holds = true;
};

struct Chart {
  std::string title;
  std::string x_label;  // with its unit
  std::string y_label;
  std::vector<ChartSeries> series{};
  bool x_log = false;
  std::vector<std::string> x_names{};     // of x = 0, 1, 2 …; empty: numbers
  std::optional<double> y_top{};          // the axis ends here, e.g. 100 of percentages
  bool y_from_zero = true;                // false: from where the data begin
  std::optional<std::string> bar_unit{};  // bars carry their value with this unit
  std::vector<ChartMark> marks{};
  std::vector<std::string> notes{};  // below the chart: what is not in it, and why
  std::vector<ChartRow> rows{};      // rows instead of series and axes
};

// One drawing, `charts` below each other: a whole SVG file. `caption` says what was run.
std::string svg_document(const std::string& title, const std::string& caption,
                         const std::vector<Chart>& charts);
// One chart to put into a page that holds chart_definitions() once.
std::string svg_figure(const Chart& chart);

}  // namespace cip::cli
