// What the links of a world do: loss, reordering, partitions, NAT, impostors.

#include <doctest/doctest.h>

#include "dht/routing_table.hpp"
#include "simulations/lookups.hpp"
#include "simulations/routing.hpp"

using namespace cip;
using namespace cip::simulations;

namespace {

Parameters small(std::uint64_t seed) {
  Parameters parameters;
  parameters.nodes = 200;
  parameters.lookups = 60;
  parameters.seed = seed;
  return parameters;
}

RoutingResult walk(const Parameters& parameters) {
  REQUIRE_FALSE(check_parameters(parameters));
  return run_routing(parameters, {Strategy::kademlia}, nullptr).results.at(0);
}

}  // namespace

TEST_CASE("a twentieth of all datagrams lost costs time, not success") {
  auto parameters = small(1);
  const auto calm = walk(parameters);
  parameters.loss = 0.05;
  const auto lossy = walk(parameters);
  CHECK(lossy.success > 0.9);
  CHECK(lossy.latency_p90_ms > calm.latency_p90_ms);
}

TEST_CASE("reordered datagrams change the trace and nothing else that matters") {
  auto parameters = small(2);
  parameters.reorder = 0.3;
  const auto run = run_routing(parameters, {Strategy::kademlia}, nullptr);
  CHECK(run.results[0].exact_k == 1);
  CHECK(run.info.trace != run_routing(small(2), {Strategy::kademlia}, nullptr).info.trace);
}

TEST_CASE("during a partition no walk reaches the other half, afterwards every one does") {
  auto parameters = small(3);
  parameters.partition = Partition{Duration(0), std::chrono::hours(1)};
  World world(parameters);
  REQUIRE(world.start(nullptr));
  Lookups lookups(world);
  lookups.run(40, nullptr);
  const auto cut = summarize(Strategy::kademlia, lookups.finished());
  CHECK(cut.success < 0.8);
  CHECK(cut.exact_k == 0);
  world.run_until(world.now().mono + std::chrono::hours(1));
  lookups.clear();
  lookups.run(40, nullptr);
  CHECK(summarize(Strategy::kademlia, lookups.finished()).success == 1);
}

TEST_CASE("nodes that cannot be reached first are found by nobody and find everybody") {
  auto parameters = small(4);
  parameters.nat = 0.5;
  CHECK(walk(parameters).exact_k == 1);
  World world(parameters);
  REQUIRE(world.start(nullptr));
  Lookups lookups(world);
  NodeIndex hidden = 0;
  while (!world.is_gone(hidden)) ++hidden;
  lookups.begin(hidden);
  while (lookups.finished().empty() && world.step()) {
  }
  REQUIRE(lookups.finished().size() == 1);
  CHECK(lookups.finished()[0].success);
}

TEST_CASE("nodes that cannot be reached first join through others and stay out of tables") {
  auto parameters = small(5);
  parameters.nodes = 60;
  parameters.nat = 0.3;
  parameters.start = Start::join;
  World world(parameters);
  REQUIRE(world.start(nullptr));
  for (NodeIndex i = 0; i < world.size(); ++i) {
    for (const auto& member : world.node(i).table().members()) {
      CHECK_FALSE(world.is_gone(world.index_of(member.contact.endpoint)));
    }
  }
}

TEST_CASE("impostors crowd the target they chose and hardly any other") {
  auto parameters = small(6);
  parameters.impostors = {20, Bytes32{}};
  World world(parameters);
  REQUIRE(world.start(nullptr));
  Lookups lookups(world);
  lookups.run(60, nullptr);
  CHECK(summarize(Strategy::kademlia, lookups.finished()).success > 0.6);
  std::vector<dht::Contact> closest;
  world.on_event([&](NodeIndex, const dht::Event& event) {
    if (const auto* done = std::get_if<dht::QueryDone>(&event)) closest = done->closest;
  });
  world.command(0, [](dht::Node& node, Now now) { return node.find_node(now, Bytes32{}); });
  while (closest.empty() && world.step()) {
  }
  std::size_t impostors = 0;
  for (const auto& contact : closest) impostors += world.index_of(contact.endpoint) >= world.size();
  CHECK(impostors > 15);
}

TEST_CASE("between world regions a lookup takes as long as its farthest steps") {
  auto parameters = small(7);
  parameters.latency = *parse_latency("king");
  const auto result = walk(parameters);
  CHECK(result.success > 0.85);
  CHECK(result.latency_p50_ms > 100);
  CHECK(result.latency_p50_ms < 1000);
}

TEST_CASE("the whole codec for every message gives the same trace") {
  auto parameters = small(8);
  const auto sampled = run_routing(parameters, {Strategy::kademlia}, nullptr);
  parameters.codec_all = true;
  CHECK(run_routing(parameters, {Strategy::kademlia}, nullptr).info.trace == sampled.info.trace);
}
