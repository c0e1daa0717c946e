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

RoutingRun walk(const Parameters& parameters) {
  return run_routing(parameters, {Strategy::kademlia}, nullptr);
}

}  // namespace

TEST_CASE("a seed repeats its trace and its figures, another seed does not") {
  const auto one = walk(small(1));
  const auto again = walk(small(1));
  const auto other = walk(small(2));
  CHECK(one.info.trace == again.info.trace);
  CHECK(one.results[0].requests == again.results[0].requests);
  CHECK(one.info.trace != other.info.trace);
}

TEST_CASE("with ideal tables every lookup finds exactly the k closest nodes") {
  const auto run = walk(small(3));
  CHECK(run.results[0].lookups == 60);
  CHECK(run.results[0].success == 1);
  CHECK(run.results[0].exact_k == 1);
}

TEST_CASE("with a fifth of the nodes dead lookups still find the closest live node") {
  auto parameters = small(4);
  parameters.dead = 0.2;
  const auto run = walk(parameters);
  CHECK(run.results[0].lookups == 60);
  CHECK(run.results[0].success > 0.95);
}

TEST_CASE("joining and global knowledge give tables that need the same hops within 3 %") {
  const auto hops = [](Start start) {
    auto parameters = small(5);
    parameters.start = start;
    parameters.lookups = 1500;
    return walk(parameters).results[0].hops_to_closest;
  };
  CHECK(hops(Start::join) == doctest::Approx(hops(Start::oracle)).epsilon(0.03));
}

TEST_CASE("the density estimate of a simulated network lies near the truth") {
  auto parameters = small(6);
  parameters.nodes = 600;
  const auto run = run_size(parameters, nullptr);
  REQUIRE(run.results.size() == 4);
  CHECK(run.results[0].estimator == "density");
  CHECK(run.results[0].truth == 600);
  CHECK(run.results[0].estimate == doctest::Approx(600).epsilon(0.2));
  CHECK(run.results[0].low < run.results[0].high);
}

TEST_CASE("a run that is told to stop says so and keeps what it has") {
  auto parameters = small(7);
  parameters.lookups = 100'000;
  const auto run = run_routing(parameters, {Strategy::kademlia}, [](const Advance& advance) {
    return std::string_view(advance.what) != "lookups";
  });
  CHECK(run.info.interrupted);
  CHECK(run.results[0].lookups > 0);
  CHECK(run.results[0].lookups < 1000);
}
