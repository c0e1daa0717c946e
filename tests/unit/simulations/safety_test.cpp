#include "simulations/safety.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace cip;
using namespace cip::simulations;

// A failing seed: cipnode sim safety --seed S.
TEST_CASE("worlds drawn from seeds keep their invariants and heal") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    const auto run = run_safety(seed, nullptr);
    CAPTURE(run.world);
    CHECK(run.broken == "");
    CHECK(run.info.events > 0);
  }
}

TEST_CASE("two halves that have forgotten each other in a partition meet again") {
  CHECK(run_safety(164, nullptr).broken == "");   // 19 nodes that all lose each other in 2 min
  CHECK(run_safety(1027, nullptr).broken == "");  // 11, with loss
}

TEST_CASE("newcomers come into tables, however many others have come and gone") {
  CHECK(run_safety(24, nullptr).broken == "");  // churn over a minority that is dead for good
}

TEST_CASE("every seed draws a world that is possible, and they differ") {
  std::set<std::uint64_t> sizes;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto parameters = draw_parameters(seed);
    CHECK_FALSE(check_parameters(parameters));
    sizes.insert(parameters.nodes);
  }
  CHECK(sizes.size() > 40);
}
