#include "simulations/lifetimes.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::simulations;

TEST_CASE("under churn lookups go on succeeding, and afterwards the network heals in time") {
  Parameters parameters;
  parameters.nodes = 120;
  parameters.lookups = 6;
  parameters.duration = std::chrono::minutes(48);
  parameters.churn = *parse_churn("exp:1h");
  const auto run = run_churn(parameters, nullptr);
  REQUIRE(run.samples.size() > 24);
  CHECK(run.left > 20);
  CHECK(run.joined == run.left);
  CHECK(run.samples[23].living == 120);
  CHECK(run.samples[23].bytes_per_second > 0);
  CHECK(run.samples[23].stale > 0);
  REQUIRE(run.healed_s);
  CHECK(*run.healed_s <= to_ms(kHealBound) / 1000);
}

TEST_CASE("most ideal tables hold all 20 closest, and the dead in them are counted") {
  Parameters parameters;
  parameters.nodes = 300;
  World world(parameters);
  REQUIRE(world.start(nullptr));
  const auto health = judge_tables(world);
  // Not all: some of the 20 may be in a bucket that holds 20 of more.
  CHECK(health.known_all > 0.8);
  CHECK(health.known_few < 0.02);
  CHECK(health.stale_overall == 0);
  for (NodeIndex i = 0; i < 100; ++i) world.kill(i);
  CHECK(judge_tables(world).stale_overall == doctest::Approx(1.0 / 3).epsilon(0.1));
}
