#include "simulations/latency.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace cip;
using simulations::parse_latency;

TEST_CASE("the three latency models are read from their text") {
  SeededRandom random{1};
  CHECK(parse_latency("const:50ms")->draw(random) == Duration(50'000));
  const auto uniform = *parse_latency("uniform:10ms..100ms");
  for (int i = 0; i < 1000; ++i) {
    const auto drawn = uniform.draw(random);
    REQUIRE(drawn >= Duration(10'000));
    REQUIRE(drawn <= Duration(100'000));
  }
}

TEST_CASE("a lognormal latency has its median") {
  SeededRandom random{2};
  const auto model = *parse_latency("lognormal:80ms:0.5");
  std::vector<Duration> drawn;
  for (int i = 0; i < 4001; ++i) drawn.push_back(model.draw(random));
  std::sort(drawn.begin(), drawn.end());
  CHECK(to_ms(drawn[2000]) > 76);
  CHECK(to_ms(drawn[2000]) < 84);
}

TEST_CASE(
    "between world regions a datagram takes half the round trip of the matrix, give or take") {
  SeededRandom random{3};
  const auto king = *parse_latency("king");
  double there = 0;
  for (int i = 0; i < 2000; ++i) there += to_ms(king.draw(random, 0, 1)) / 2000;  // America, Europe
  CHECK(there == doctest::Approx(62).epsilon(0.02));
  int europeans = 0;
  for (int i = 0; i < 4000; ++i) europeans += king.draw_region(random) == 1 ? 1 : 0;
  CHECK(europeans == doctest::Approx(0.4998 * 4000).epsilon(0.06));
}

TEST_CASE("text that is no latency model is refused") {
  for (const auto* text : {"", "50ms", "const", "const:", "const:5", "const:0ms", "const:61s",
                           "const:-1ms", "uniform:10ms", "uniform:20ms..10ms", "lognormal:80ms",
                           "lognormal:80ms:-1", "gamma:1ms", "const:1ms "}) {
    CAPTURE(text);
    CHECK_FALSE(parse_latency(text));
  }
}
