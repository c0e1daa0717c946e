#include "simulations/world.hpp"

#include <doctest/doctest.h>

#include "simulations/routing.hpp"
#include "simulations/size.hpp"

using namespace cip;
using namespace cip::simulations;

namespace {

Parameters small(std::uint64_t seed) {
  Parameters parameters;
  parameters.nodes = 300;
  parameters.lookups = 60;
  parameters.seed = seed;
  parameters.latency = *parse_latency("uniform:5ms..80ms");
  return parameters;
}

}  // namespace

TEST_CASE("a seed repeats its trace and its figures, another seed does not") {
  const auto one = run_routing(small(1), nullptr);
  const auto again = run_routing(small(1), nullptr);
  const auto other = run_routing(small(2), nullptr);
  CHECK(one.info.trace == again.info.trace);
  CHECK(one.result.requests == again.result.requests);
  CHECK(one.info.trace != other.info.trace);
}

TEST_CASE("with ideal tables every lookup finds exactly the k closest nodes") {
  const auto run = run_routing(small(3), nullptr);
  CHECK(run.result.lookups == 60);
  CHECK(run.result.success == 1);
  CHECK(run.result.exact_k == 1);
}

TEST_CASE("with a fifth of the nodes dead lookups still find the closest live node") {
  auto parameters = small(4);
  parameters.dead = 0.2;
  const auto run = run_routing(parameters, nullptr);
  CHECK(run.result.lookups == 60);
  CHECK(run.result.success > 0.95);
}

TEST_CASE("joining and global knowledge give tables that need the same hops within a tenth") {
  const auto hops = [](bool join) {
    auto parameters = small(5);
    World world(parameters);
    join ? world.start_by_joining(nullptr) : world.start_from_oracle(nullptr);
    double sum = 0;
    std::size_t walks = 0;
    world.on_event([&](NodeIndex, const dht::Event& event) {
      if (const auto* done = std::get_if<dht::QueryDone>(&event)) {
        sum += done->hops_to_closest;
        ++walks;
      }
    });
    for (int i = 0; i < 300; ++i) {
      const auto target = world.random().bytes<32>();
      const std::size_t before = walks;
      world.command(random_live_node(world),
                    [&](dht::Node& node, Now now) { return node.find_node(now, target); });
      while (walks == before && world.step()) {
      }
    }
    return sum / static_cast<double>(walks);
  };
  CHECK(hops(true) == doctest::Approx(hops(false)).epsilon(0.1));
}

TEST_CASE("the density estimate of a simulated network lies near the truth") {
  auto parameters = small(6);
  parameters.nodes = 600;
  const auto run = run_size(parameters, nullptr);
  REQUIRE(run.results.size() == 2);
  CHECK(run.results[0].estimator == "density");
  CHECK(run.results[0].truth == 600);
  CHECK(run.results[0].estimate == doctest::Approx(600).epsilon(0.2));
  CHECK(run.results[0].low < run.results[0].high);
}

TEST_CASE("a run that is told to stop says so and keeps what it has") {
  auto parameters = small(7);
  parameters.lookups = 100'000;
  const auto run = run_routing(parameters, [](std::uint64_t, std::uint64_t) { return false; });
  CHECK(run.info.interrupted);
  CHECK(run.result.lookups > 0);
  CHECK(run.result.lookups < 1000);
}
