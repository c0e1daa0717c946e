// The strategies beside the production walk, and the figures they are known for.

#include <doctest/doctest.h>

#include "simulations/paper.hpp"
#include "simulations/routing.hpp"
#include "simulations/size.hpp"

using namespace cip;
using namespace cip::simulations;

namespace {

Parameters of(std::uint64_t nodes, std::uint64_t lookups) {
  Parameters parameters;
  parameters.nodes = nodes;
  parameters.lookups = lookups;
  return parameters;
}

RoutingResult result_of(const Parameters& parameters, Strategy strategy) {
  return run_routing(parameters, {strategy}, nullptr).results.at(0);
}

}  // namespace

TEST_CASE("the reference model at a thousand nodes gives the computed hops and requests") {
  const auto rounds = result_of(of(1000, 600), Strategy::kademlia_rounds);
  CHECK(rounds.exact_k == 1);
  CHECK(rounds.hops_to_closest == doctest::Approx(1.89).epsilon(0.05));
  CHECK(rounds.hops_first == doctest::Approx(1.27).epsilon(0.05));
  CHECK(rounds.requests == doctest::Approx(27.9).epsilon(0.05));
}

TEST_CASE("the reference model says that it sends nothing where others lose or wait") {
  auto parameters = of(100, 20);
  CHECK(result_of(parameters, Strategy::kademlia_rounds).caveat.empty());
  parameters.loss = 0.9;
  const auto rounds = result_of(parameters, Strategy::kademlia_rounds);
  CHECK(rounds.success == 1);
  CHECK(rounds.caveat.ends_with("it loses no datagram"));
  CHECK(result_of(parameters, Strategy::kademlia).caveat.empty());
  parameters.loss = 0;
  parameters.dead = 0.3;
  CHECK(result_of(parameters, Strategy::kademlia_rounds).caveat.ends_with("no time"));
}

TEST_CASE("greedy gets stuck and says where") {
  const auto greedy = result_of(of(500, 300), Strategy::greedy);
  CHECK(greedy.success > 0.1);
  CHECK(greedy.success < 0.95);
  CHECK(greedy.remark.find("stuck") != std::string::npos);
}

TEST_CASE("ring always arrives and its hops grow with the number of nodes") {
  const auto small = result_of(of(120, 300), Strategy::ring);
  const auto large = result_of(of(480, 300), Strategy::ring);
  CHECK(small.success == 1);
  CHECK(large.success == 1);
  // A quarter of the ring on average, three places a hop.
  CHECK(small.hops_to_closest == doctest::Approx(120.0 / 12).epsilon(0.15));
  CHECK(large.hops_to_closest == doctest::Approx(480.0 / 12).epsilon(0.15));
}

TEST_CASE("flood reaches all and costs about one message for each link but the one it came by") {
  const auto flood = result_of(of(300, 20), Strategy::flood);
  CHECK(flood.success == 1);
  const double degree = std::stod(flood.remark);
  CHECK(flood.requests == doctest::Approx(300 * (degree - 1)).epsilon(0.02));
}

TEST_CASE("forwarding fails where nodes are dead, the walk does not") {
  auto parameters = of(400, 200);
  parameters.dead = 0.3;
  CHECK(result_of(parameters, Strategy::kademlia).success > 0.95);
  CHECK(result_of(parameters, Strategy::greedy).success <
        result_of(of(400, 200), Strategy::greedy).success);
}

TEST_CASE("tables that grew by joining are skewed, which makes common peers too few") {
  auto parameters = of(300, 1);
  const auto ideal = run_size(parameters, nullptr);
  parameters.start = Start::join;
  const auto joined = run_size(parameters, nullptr);
  REQUIRE(joined.capture.size() == 5);
  CHECK(ideal.predicted_capture > 0.9);
  CHECK(joined.predicted_capture < ideal.predicted_capture);
  CHECK(joined.capture[4].estimate / 300 == doctest::Approx(joined.predicted_capture).epsilon(0.2));
}

TEST_CASE("a paper prints its figures beside what was measured") {
  PaperOptions options;
  options.nodes = 1000;
  options.lookups = 1000;
  const auto run = run_paper(Paper::k2, options, nullptr);
  REQUIRE(run.rows.size() == 5);
  for (const auto& row : run.rows) {
    CAPTURE(row.figure);
    CAPTURE(row.ours);
    if (row.figure.starts_with("hops")) CHECK(row.is_hit());
    CHECK(row.ours > 0);
  }
}
