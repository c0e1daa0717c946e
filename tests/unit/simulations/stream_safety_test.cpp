#include "simulations/stream_safety.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace cip;
using namespace cip::simulations;

// A failing seed: cipnode sim safety --what streams --seed S.
TEST_CASE("streams over paths drawn from seeds carry every byte once, in order, and close") {
  std::set<std::string> worlds;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    const auto run = run_stream_safety(seed);
    CAPTURE(run.world);
    CHECK(run.broken == "");
    CHECK(run.packets > 0);
    worlds.insert(run.world);
  }
  CHECK(worlds.size() == 300);
}

TEST_CASE("the same seed is the same run") {
  CHECK(run_stream_safety(7).packets == run_stream_safety(7).packets);
  CHECK(run_stream_safety(7).world == run_stream_safety(7).world);
}
