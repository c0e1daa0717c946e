#include "cli/chart.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "cli/chart_axis.hpp"
#include "cli/chart_style.hpp"
#include "cli/sim_charts.hpp"

namespace cip::cli {
namespace {

using Kind = ChartSeries::Kind;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
std::string svg(const Chart& chart) { return svg_document("title", "caption", {chart}); }

RoutingRun routing_run() {
  const auto looked = [](unsigned hops) {
    return simulations::Looked{
        .success = hops > 0, .hops_to_closest = hops, .latency_ms = 50.0 * hops};
  };
  RoutingRun out;
  out.results.push_back(
      {.strategy = "kademlia", .lookups = 2, .remark = "", .samples = {looked(2), looked(3)}});
  out.results.push_back(
      {.strategy = "ring", .lookups = 2, .remark = "", .samples = {looked(40), looked(80)}});
  out.results.push_back(
      {.strategy = "greedy", .lookups = 2, .remark = "", .samples = {looked(0), looked(0)}});
  out.table_fill = {20, 3};
  return out;
}

ChurnRun churn_run(double success, bool heals) {
  ChurnRun out;
  out.samples = {{.at_s = 60, .success = success}, {.at_s = 120, .success = success}};
  if (heals) out.samples.push_back({.at_s = 240, .success = 1, .healing = true});
  if (heals) out.healed_s = 120;
  out.left = 1;
  return out;
}

}  // namespace

TEST_CASE("a drawing has plain colours on a white ground and no style sheet") {
  const auto out = svg({.title = "t",
                        .x_label = "x",
                        .y_label = "y",
                        .series = {{"a", Kind::line, {{1, 2}, {3, 4}}}}});
  CHECK(has(out, "fill=\"#ffffff\""));
  for (const char* part : {"var(", "currentColor", "<style", "class=", "@media"})
    CHECK_FALSE(has(out, part));
}

TEST_CASE("lines that lie on each other differ in width, dash and marker") {
  const std::vector<std::pair<double, double>> same = {{1, 2}, {2, 3}};
  const auto out = svg({.title = "t",
                        .x_label = "x",
                        .y_label = "y",
                        .series = {{"a", Kind::line, same}, {"b", Kind::line, same}}});
  CHECK(look_of(0).width > look_of(1).width);
  CHECK(has(out, fmt::format("stroke-width=\"{}\"", look_of(0).width)));
  CHECK(has(out, fmt::format("stroke-dasharray=\"{}\"", look_of(1).dash)));
}

TEST_CASE("values that are not finite, and texts that are no XML, leave a drawing whole") {
  const double infinite = std::numeric_limits<double>::infinity();
  const auto out =
      svg({.title = "a < b & \x01\xff",
           .x_label = "x",
           .y_label = "y",
           .series = {{"a", Kind::points, {{0, 1}, {1, std::nan("")}}, {{0, infinite}, {0, 1}}}},
           .x_names = {"n", "m"}});
  for (const char* part : {"inf", "nan", "\x01", "\xff", "a < b"}) CHECK_FALSE(has(out, part));
  CHECK(has(out, "a &lt; b &amp; \\x01\\xff"));
}

TEST_CASE("an axis holds all values and writes round numbers") {
  const Chart chart{.title = "",
                    .x_label = "",
                    .y_label = "",
                    .series = {{"", Kind::line, {{3, -7}, {980, 41}}}},
                    .x_log = true};
  const auto axes = axes_of(chart);
  CHECK(axes.y.low == -10);
  CHECK(axes.y.high == 50);
  CHECK(axes.x.ticks() == std::vector<double>{2, 5, 10, 20, 50, 100, 200, 500, 1000});
  CHECK(axes.y.share(1e9) == 1);
}

TEST_CASE("long texts are wrapped within their width") {
  const std::string path(300, 'p');
  for (const auto& line : wrap_text(TextRole::note, "a trace of " + path + " and more", 400)) {
    CHECK(text_width(TextRole::note, line) <= 400);
  }
  CHECK(wrap_text(TextRole::note, "", 400).size() == 1);
}

TEST_CASE("a strategy that is not in a chart is named with the reason") {
  const auto charts = routing_charts({routing_run()});
  const auto hops = svg(charts[2]);
  CHECK(has(hops, "ring is not here: its lookups took 40 to 80 hops, 60.0 on average"));
  CHECK(has(hops, "greedy is not here: none of its 2 lookups"));
  CHECK(has(svg(charts[1]), "greedy is not here"));
  auto alone = routing_run();
  alone.results = {alone.results[1]};
  CHECK(routing_charts({alone})[2].notes.empty());
}

TEST_CASE("churn charts mark its end and show the extent of the runs") {
  const auto charts = churn_charts({churn_run(0.5, true), churn_run(1, true)});
  const auto& success = charts[1];
  REQUIRE(success.marks.size() == 1);
  CHECK(success.marks[0].at == 2);  // minutes
  CHECK(success.marks[0].name == "churn ends");
  CHECK(success.series[0].points[0].second == 75);
  CHECK(success.series[0].intervals[0] == std::pair{50.0, 100.0});
  CHECK(churn_charts({churn_run(1, false)})[1].marks.empty());
  CHECK(has(success.notes[0], "2 of 2 runs healed, 2 min after the churn ended"));
}

TEST_CASE("a network that nobody came to or left is not said to have healed from churn") {
  auto run = churn_run(1, true);
  run.left = 0;
  const auto success = churn_charts({run})[1];
  CHECK(success.marks[0].name == "nobody came or went");
  CHECK(has(success.notes[0], "no churn to heal from. 1 of 1 run was sound 2 min after the mark"));
  CHECK(has(churn_text(run, {}, {}, {}), "no churn to heal from; sound within 2 min"));
}

TEST_CASE("a strategy that is spared losses says so beside the others") {
  auto run = routing_run();
  run.results[0].caveat = "it loses no datagram";
  const auto charts = routing_charts({run});
  for (const std::size_t chart : {0, 1}) {
    CHECK(has(svg(charts[chart]), "kademlia: it loses no datagram."));
  }
  CHECK(has(routing_text(run, {}, {}, {}), "  it loses no datagram"));
  CHECK_FALSE(has(routing_json_lines(run, {}), "datagram"));
}

TEST_CASE("several size runs show bias, spread and coverage") {
  std::vector<SizeRun> runs(3);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double estimate = 90.0 + 20.0 * static_cast<double>(i);  // 90, 110, 130 of 100
    runs[i].results = {{"density", 8, 100, estimate, estimate - 15, estimate + 15, 1}};
  }
  const auto charts = size_charts(runs);
  const auto& box = charts[0].series[0].boxes[0];
  CHECK(std::tuple{box.low, box.first_quarter, box.median, box.third_quarter, box.high} ==
        std::tuple{90, 100, 110, 120, 130});
  CHECK(has(svg(charts[0]), "buckets is not here: it gave no estimate."));
  CHECK(charts[1].series[0].points[0].second == doctest::Approx(10));
  CHECK(charts[2].series[0].points[0].second == doctest::Approx(20));
  CHECK(charts[3].series[0].points[0].second == doctest::Approx(200.0 / 3));
}

TEST_CASE("rows of a paper carry their names, and what is not published is called our limit") {
  PaperRun run;
  run.rows = {{"hops, N 1000", 2.0, 1.9, 2.1, 2.05, ""}, {"requests", std::nullopt, 0, 40, 30, ""}};
  const auto out = svg(paper_charts(run).back());
  CHECK(has(out, "hops, N 1000"));
  CHECK(has(out, "2.05, published 2"));
  CHECK(has(out, "30, our limit 40"));
  CHECK(has(paper_text(run, {}), "-    30  to 40"));
  CHECK(has(paper_json_lines(run), "\"published\":null"));
}

}  // namespace cip::cli
