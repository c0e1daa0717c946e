#include "cli/chart.hpp"

#include <fmt/format.h>

#include <cmath>

#include "cli/chart_drawing.hpp"
#include "cli/chart_style.hpp"

namespace cip::cli {
namespace {

// Title and caption of a file stand above its charts.
std::string head_of(const std::string& title, const std::string& caption, double& y) {
  const Chart head{.title = title, .x_label = "", .y_label = "", .notes = {caption}};
  auto out = draw_title(head, y);
  y += 2;
  return out + draw_notes(head, y);
}

DrawnChart draw(const Chart& chart) {
  return chart.rows.empty() ? draw_chart(chart) : draw_rows(chart);
}

std::string ground(double height) {
  return fmt::format("<rect width=\"{}\" height=\"{:.0f}\" fill=\"{}\"/>\n", kChartWidth, height,
                     kChartPaper);
}

}  // namespace

std::string svg_figure(const Chart& chart) {
  const auto drawn = draw(chart);
  return fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {} {:.0f}\" font-family=\"{}\" role=\"img\" "
      "aria-label=\"{}\">\n{}{}</svg>\n",
      kChartWidth, drawn.height, kChartFonts, escape_markup(chart.title), ground(drawn.height),
      drawn.elements);
}

std::string svg_document(const std::string& title, const std::string& caption,
                         const std::vector<Chart>& charts) {
  double height = 10;
  std::string body = head_of(title, caption, height);
  for (const auto& chart : charts) {
    height += 12;
    const auto drawn = draw(chart);
    body += fmt::format("<g transform=\"translate(0 {:.0f})\">\n{}</g>\n", height, drawn.elements);
    height += std::ceil(drawn.height);
  }
  height += 6;
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1:.0f}\" width=\"{0}\" "
      "height=\"{1:.0f}\" font-family=\"{2}\">\n<title>{3}</title>\n{4}{5}{6}</svg>\n",
      kChartWidth, height, kChartFonts, escape_markup(title), chart_definitions(), ground(height),
      body);
}

}  // namespace cip::cli
