#include "cli/chart_style.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/text.hpp"
#include "cli/render.hpp"

namespace cip::cli {
namespace {

// From dark to light, of hues that people with any colour vision tell apart; all dark enough for a
// line on white.
constexpr SeriesLook kLooks[] = {{"#0b3c6f", "", 4.5},
                                 {"#d55e00", "9 4", 2.6},
                                 {"#009e73", "2 3", 2.2},
                                 {"#8f3f7f", "10 3 2 3", 1.8},
                                 {"#5c5c5c", "5 3", 1.4}};

struct Font {
  double size;
  const char* weight;
  const char* colour;
  double letter;  // mean width of a letter, in sizes
};

Font font_of(TextRole role) {
  switch (role) {
    case TextRole::title:
      return {15, "bold", kChartInk, 0.7};
    case TextRole::label:
      return {12, "normal", kChartInk, 0.62};
    case TextRole::tick:
      return {12, "normal", kChartSoft, 0.62};
    default:
      return {11, "normal", kChartSoft, 0.62};
  }
}

std::size_t place_of(std::size_t series) { return series % std::size(kLooks); }

std::string text_attributes(TextRole role, Anchor anchor) {
  constexpr const char* kAnchors[] = {"start", "middle", "end"};
  const Font font = font_of(role);
  return fmt::format("font-size=\"{}\" font-weight=\"{}\" fill=\"{}\" text-anchor=\"{}\"",
                     font.size, font.weight, font.colour,
                     kAnchors[static_cast<std::size_t>(anchor)]);
}

std::string hatch(std::size_t series, double degrees) {
  return fmt::format(
      "<pattern id=\"hatch{0}\" patternUnits=\"userSpaceOnUse\" width=\"7\" height=\"7\" "
      "patternTransform=\"rotate({1})\"><rect width=\"7\" height=\"7\" fill=\"{2}\"/>"
      "<rect width=\"7\" height=\"2\" fill=\"{3}\"/></pattern>\n",
      series, degrees, kLooks[series].colour, kChartPaper);
}

// The path of a polygon around 0, 0.
const char* shape_of(std::size_t series) {
  constexpr const char* kShapes[] = {"M-4 -4 H4 V4 H-4 Z", "M0 -5 L5 4 H-5 Z",
                                     "M0 -5.5 L5.5 0 L0 5.5 L-5.5 0 Z", "M0 5 L5 -4 H-5 Z",
                                     "M-5 -1.5 H5 V1.5 H-5 Z"};
  return kShapes[place_of(series)];
}

}  // namespace

SeriesLook look_of(std::size_t series) { return kLooks[place_of(series)]; }

std::string bar_fill(std::size_t series) {
  const auto place = place_of(series);
  return place == 0 ? kLooks[0].colour : fmt::format("url(#hatch{})", place);
}

std::string marker_element(std::size_t series, double x, double y, double size) {
  return fmt::format(
      "<path transform=\"translate({:.1f} {:.1f}) scale({})\" d=\"{}\" fill=\"{}\" "
      "stroke=\"{}\"/>\n",
      x, y, size, shape_of(series), look_of(series).colour, kChartPaper);
}

std::string chart_definitions() {
  return "<defs>\n" + hatch(1, 45) + hatch(2, -45) + hatch(3, 0) + hatch(4, 90) + "</defs>\n";
}

std::string text_element(TextRole role, TextPlace place, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", place.x, place.y,
                     text_attributes(role, place.anchor), escape_markup(text));
}

std::string upward_text(TextRole role, TextPlace place, const std::string& text) {
  return fmt::format("<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" {}>{}</text>\n",
                     place.x, place.y, text_attributes(role, Anchor::middle), escape_markup(text));
}

double text_width(TextRole role, std::string_view text) {
  const Font font = font_of(role);
  return static_cast<double>(width_of(text)) * font.size * font.letter;
}

double text_height(TextRole role) { return std::ceil(font_of(role).size * 1.35); }

std::vector<std::string> wrap_text(TextRole role, const std::string& raw, double width) {
  const auto text = escape_for_terminal(raw);
  std::vector<std::string> out(1);
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(' ', begin), text.size());
    auto word = text.substr(begin, end - begin);
    begin = end + 1;
    if (!out.back().empty()) {
      if (text_width(role, out.back() + " " + word) <= width) {
        out.back() += " " + word;
        continue;
      }
      out.emplace_back();
    }
    // A path without a space may be longer than a line.
    const auto most = static_cast<std::size_t>(width / text_width(role, "x"));
    for (; word.size() > most; out.emplace_back()) {
      auto cut = most;
      while ((static_cast<unsigned char>(word[cut]) & 0xc0) == 0x80) --cut;
      out.back() = word.substr(0, cut);
      word.erase(0, cut);
    }
    out.back() = word;
  }
  return out;
}

std::string line_element(Segment segment, const SeriesLook& look) {
  return fmt::format(
      "<path d=\"M{:.1f} {:.1f} L{:.1f} {:.1f}\" fill=\"none\" stroke=\"{}\" "
      "stroke-width=\"{}\"{}/>\n",
      segment.x1, segment.y1, segment.x2, segment.y2, look.colour, look.width,
      *look.dash == 0 ? "" : fmt::format(" stroke-dasharray=\"{}\"", look.dash));
}

std::string escape_markup(const std::string& text) {
  std::string out;
  for (const char c : escape_for_terminal(text)) {
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

std::string number_text(double value) {
  if (std::abs(value) < 1e-12) return "0";
  if (std::abs(value) >= 1e6) return fmt::format("{:.4g}M", value / 1e6);
  if (std::abs(value) >= 1e4) return fmt::format("{:.4g}k", value / 1e3);
  return fmt::format("{:.4g}", value);
}

}  // namespace cip::cli
