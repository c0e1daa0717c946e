#include "simulations/churn.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "simulations/world.hpp"

using namespace cip;
using namespace cip::simulations;

namespace {

std::vector<double> drawn_hours(const char* text) {
  const auto model = *parse_churn(text);
  SeededRandom random{1};
  std::vector<double> out;
  for (int i = 0; i < 20'000; ++i) out.push_back(to_ms(model.draw(random)) / 3.6e6);
  return out;
}

double share_below(const std::vector<double>& samples, double hours) {
  const auto below =
      std::count_if(samples.begin(), samples.end(), [&](double sample) { return sample < hours; });
  return static_cast<double>(below) / static_cast<double>(samples.size());
}

}  // namespace

TEST_CASE("the Weibull stay of the IPFS network ends within 2 h for half, within 8 h for 80 %") {
  const auto stays = drawn_hours("weibull:0.608:5.4h");
  CHECK(share_below(stays, 2) == doctest::Approx(0.5).epsilon(0.03));
  CHECK(share_below(stays, 8) == doctest::Approx(0.8).epsilon(0.03));
}

TEST_CASE("exponential stays have their mean and forget their age") {
  const auto stays = drawn_hours("exp:2h");
  double sum = 0;
  for (const double stay : stays) sum += stay;
  CHECK(sum / static_cast<double>(stays.size()) == doctest::Approx(2).epsilon(0.03));
  CHECK(share_below(stays, 2) == doctest::Approx(0.632).epsilon(0.03));
}

TEST_CASE("text that is no churn model is refused") {
  for (const auto* text : {"", "exp", "exp:", "exp:0s", "exp:1", "weibull:1h", "weibull:0:1h",
                           "weibull:11:1h", "trace:x", "never"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_churn(text));
  }
}

TEST_CASE("a trace names the line that does not parse and what was expected") {
  const auto trace = parse_trace("# who leaves\n\n10s 3 leave\n2min 3 join\r\n", 5);
  REQUIRE(trace);
  REQUIRE(trace->size() == 2);
  CHECK((*trace)[1].node == 3);
  CHECK((*trace)[1].up);
  CHECK((*trace)[1].at == std::chrono::minutes(2));
  const auto line_of = [](const char* text) { return parse_trace(text, 5).error().line; };
  CHECK(line_of("1s 1 leave\nnonsense\n") == 2);
  CHECK(line_of("1s 5 leave\n") == 1);            // no such node
  CHECK(line_of("5s 1 leave\n4s 2 leave") == 2);  // back in time
  CHECK(line_of("1s 1 leaves") == 1);
  CHECK(line_of("# nothing\n") == 1);
  CHECK_FALSE(parse_trace("", 5));
}

TEST_CASE("a trace makes nodes leave and come back with another address") {
  Parameters parameters;
  parameters.nodes = 40;
  parameters.churn.kind = ChurnModel::Kind::trace;
  parameters.churn.trace = *parse_trace("10s 7 leave\n20s 7 join", 40);
  World world(parameters);
  REQUIRE(world.start(nullptr));
  const auto before = world.contact(7);
  const auto begin = world.now().mono;
  world.run_until(begin + std::chrono::seconds(15));
  CHECK(world.is_dead(7));
  CHECK(world.living() == 39);
  world.run_until(begin + std::chrono::seconds(40));
  CHECK_FALSE(world.is_dead(7));
  CHECK(world.contact(7).id != before.id);
  CHECK(world.node(7).is_ready());
}
