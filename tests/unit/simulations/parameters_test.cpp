#include "simulations/parameters.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::simulations;

TEST_CASE("default parameters are possible") { CHECK_FALSE(check_parameters({})); }

TEST_CASE("impossible parameters are named with what would be possible") {
  const auto refused = [](auto change) {
    Parameters parameters;
    change(parameters);
    const auto error = check_parameters(parameters);
    return error && !error->message.empty() && !error->hint.empty();
  };
  CHECK(refused([](auto& p) { p.nodes = 1; }));
  CHECK(refused([](auto& p) { p.nodes = 17'000'000; }));
  CHECK(refused([](auto& p) { p.k = 0; }));
  CHECK(refused([](auto& p) { p.k = 256; }));
  CHECK(refused([](auto& p) { p.alpha = 0; }));
  CHECK(refused([](auto& p) { p.lookups = 0; }));
  CHECK(refused([](auto& p) { p.loss = 1; }));
  CHECK(refused([](auto& p) { p.dead = -0.1; }));
  CHECK(refused([](auto& p) { p.reorder = 1.5; }));
  CHECK(refused([](auto& p) { p.nat = 0.6, p.dead = 0.4; }));  // nobody is left to be found
  CHECK(refused([](auto& p) { p.impostors.count = 17'000'000; }));
  CHECK(refused([](auto& p) { p.partition = Partition{Duration(5), Duration(5)}; }));
  CHECK(refused([](auto& p) { p.duration = Duration(0); }));
}
