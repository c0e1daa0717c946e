#include "cli/sim_report.hpp"

#include <fmt/format.h>

#include "cli/chart_style.hpp"

namespace cip::cli {
namespace {

// Paper is white and has no scroll bars: charts are not cut, tables are small and wrapped.
std::string page_style() {
  return fmt::format(
      "body{{background:{};color:{};font:15px/1.5 {};max-width:1420px;margin:24px auto;"
      "padding:0 16px}}\n"
      "h1{{font-size:22px}}h1,h2{{break-after:avoid}}\n"
      "code,pre{{font:13px/1.45 DejaVu Sans Mono,Consolas,Menlo,monospace}}"
      "pre{{overflow-x:auto}}code,p{{overflow-wrap:anywhere}}\n"
      ".charts{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr));"
      "gap:16px;align-items:start}}\n"
      ".chart{{display:block;width:100%;height:auto;break-inside:avoid}}\n"
      "@page{{margin:14mm}}\n"
      "@media print{{body{{margin:0;padding:0;max-width:none;print-color-adjust:exact;"
      "-webkit-print-color-adjust:exact}}.charts{{display:block}}"
      ".chart{{width:160mm;margin:0 auto 6mm}}"
      "pre{{font-size:7.5px;white-space:pre-wrap;overflow-wrap:anywhere;overflow:visible}}}}\n",
      kChartPaper, kChartInk, kChartFonts);
}

}  // namespace

std::string html_page(const std::string& title, const std::string& caption, const std::string& text,
                      const std::vector<Chart>& charts) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{0}</title>\n<style>\n{1}</style></head>\n<body>\n<h1>{0}</h1>\n<p>{2}</p>\n"
      "<svg width=\"0\" height=\"0\" style=\"position:absolute\">{3}</svg>\n"
      "<div class=\"charts\">\n",
      escape_markup(title), page_style(), escape_markup(caption), chart_definitions());
  for (const auto& chart : charts) out += svg_figure(chart);
  out += "</div>\n<h2>Figures</h2>\n<pre>" + escape_markup(text) + "</pre>\n";
  return out + "</body></html>\n";
}

}  // namespace cip::cli
