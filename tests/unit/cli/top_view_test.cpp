// What cipnode top draws: a sample fits the terminal it is drawn on, whatever others call things.

#include "cli/top_view.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "cli/render.hpp"
#include "tests/unit/cli/fake_node.hpp"

namespace cip::cli {

using namespace test;

namespace {

Json rates(double in, double out) { return {{"bytesInPerSecond", in}, {"bytesOutPerSecond", out}}; }

Json sample(int peers, int feeds, int topics) {
  Json out{{"time", 1700000000000},
           {"seconds", 1.0},
           {"uptimeMs", 7'380'000},
           {"key", kKey},
           {"address", "127.0.0.1:49737"},
           {"network", "default"},
           {"persistent", true},
           {"reachable", false},
           {"contacts", 25},
           {"peerCount", peers},
           {"feedCount", feeds + 3},
           {"topicCount", topics}};
  out["dht"] = rates(1200, 3400);
  out["dht"]["requestsPerSecond"] = 12.25;
  out["dht"]["answersPerSecond"] = 11.5;
  out["peers"] = out["feeds"] = out["topics"] = Json::array();
  for (int i = 0; i < peers; ++i) {
    Json peer = rates(1e6 / (i + 1), 10);
    peer.update({{"key", kKey}, {"address", "127.0.0.2:1"}, {"transport", "tcp"}, {"feeds", 2}});
    out["peers"].push_back(peer);
  }
  for (int i = 0; i < feeds; ++i) {
    out["feeds"].push_back({{"key", kKey},
                            {"name", i == 0 ? "log" : ""},
                            {"writable", i == 0},
                            {"length", 5000},
                            {"contiguousLength", 4000},
                            {"peers", 2},
                            {"bytesPerSecond", 1e6}});
  }
  for (int i = 0; i < topics; ++i) {
    out["topics"].push_back(
        {{"topic", "news"}, {"peers", 3}, {"feeds", 4}, {"messagesPerSecond", 2.5}});
  }
  out["drops"] = {{"bad_token", {{"count", 12}, {"perSecond", 0.0}}},
                  {"rate_limited", {{"count", 1500}, {"perSecond", 3.5}}}};
  return out;
}

std::ptrdiff_t lines_of(const std::string& text) { return std::ranges::count(text, '\n'); }

}  // namespace

TEST_CASE("top shows peers, feeds, topics and drops with their rates") {
  check("top", {.results = {sample(2, 2, 1), sample(0, 0, 0)}}, {"top"});
  FakeNode node{.results = {sample(1, 1, 1)}};
  CHECK(run_command_line(node, {"top", "--interval", "99ms"}).code == 2);
  CHECK(run_command_line(node, {"top", "--once", "--interval", "250ms"}).code == 0);
  CHECK(node.asked == R"(top {"intervalMs":250.0,"count":1})");
  check("top-no-daemon",
        {.end = failed({ExitCode::no_daemon, "no node runs in /tmp/home",
                        "start one with: cipnode join --detach"})},
        {"top"});
}

TEST_CASE("a sample never has more rows or columns than the terminal") {
  for (const int rows : {1, 2, 5, 10, 24, 60}) {
    for (const int columns : {1, 20, 80, 300}) {
      CAPTURE(rows);
      CAPTURE(columns);
      const auto text = top_text(sample(50, 50, 50), {columns, rows});
      CHECK(lines_of(text) < std::max(rows, 2));
      for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        CHECK(width_of(text.substr(at, end - at)) <= static_cast<std::size_t>(columns));
        at = end + 1;
      }
    }
  }
}

TEST_CASE("what fits is shown whole, and rows that one kind does not need are another's") {
  CHECK(top_text(sample(2, 2, 1), {200, 60}) == top_text(sample(2, 2, 1)));
  const auto text = top_text(sample(1, 50, 1), {120, 40});
  CHECK(text.find("news") != std::string::npos);
  CHECK(lines_of(text) > 30);
}

TEST_CASE("a view is drawn over the last one, and wiped where the terminal changed its size") {
  RecordingConsole console;
  console.out_is_terminal = true;
  FakeNode node{.results = {sample(1, 1, 1), sample(1, 1, 1)}};
  const auto backend = node.backend();
  CHECK(run_application({"top"}, kEmpty, console, backend) == 0);
  CHECK(console.out.starts_with("\x1b[2J\x1b[H"));
  CHECK(console.out.rfind("\x1b[2J") == 0);  // the second is drawn over it
  CHECK(console.out.ends_with("\x1b[J"));
  CHECK(redrawn("a\nb\n", false) == "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
}

TEST_CASE("names that others gave do not steer the terminal") {
  auto evil = sample(0, 1, 0);
  evil["feeds"][0]["name"] = "\x1b[2Jgone";
  CHECK(top_text(evil).find('\x1b') == std::string::npos);
}

}  // namespace cip::cli
