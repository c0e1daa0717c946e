#pragma once

// How charts look, in one place: colours, dashes, hatches, markers, text. All of it are plain
// attributes of the elements, on a white ground: CSS variables, media queries and currentColor are
// understood by browsers alone, and a report is made with librsvg, Inkscape or a word processor.

#include <string>
#include <string_view>
#include <vector>

namespace cip::cli {

inline constexpr double kChartWidth = 680;
inline constexpr const char* kChartPaper = "#ffffff";
inline constexpr const char* kChartInk = "#1b1f24";
inline constexpr const char* kChartSoft = "#57606a";
inline constexpr const char* kChartGrid = "#d8dee4";
inline constexpr const char* kChartAllowed = "#dfe7ee";  // the range in which a value should lie
// What most machines have; the first two are as wide as text_width() takes text to be.
inline constexpr const char* kChartFonts = "DejaVu Sans, Verdana, Arial, Helvetica, sans-serif";

// Series differ by colour, dash and marker, bars by colour and hatch, so that they can be told
// apart with any colour vision and in grey. Later lines are narrower: they lie on the earlier ones
// and leave them to be seen.
struct SeriesLook {
  const char* colour;
  const char* dash;  // empty: a whole line
  double width;
};
SeriesLook look_of(std::size_t series);
// What bars of this series are filled with.
std::string bar_fill(std::size_t series);
std::string marker_element(std::size_t series, double x, double y, double size = 1);
// The hatches that bar_fill() refers to: once in a document.
std::string chart_definitions();

enum class TextRole { title, label, tick, note };
enum class Anchor { start, middle, end };
struct TextPlace {
  double x = 0;
  double y = 0;  // of the line on which the letters stand
  Anchor anchor = Anchor::start;
};
std::string text_element(TextRole role, TextPlace place, const std::string& text);
// Upwards, around its middle.
std::string upward_text(TextRole role, TextPlace place, const std::string& text);
// An upper estimate, since fonts are not known here.
double text_width(TextRole role, std::string_view text);
double text_height(TextRole role);
// Lines no wider than `width`.
std::vector<std::string> wrap_text(TextRole role, const std::string& text, double width);

struct Segment {
  double x1 = 0;
  double y1 = 0;
  double x2 = 0;
  double y2 = 0;
};
std::string line_element(Segment segment, const SeriesLook& look);

// <, >, & and quotes made harmless; what XML cannot hold as \xNN.
std::string escape_markup(const std::string& text);
// 12.5k
std::string number_text(double value);

}  // namespace cip::cli
