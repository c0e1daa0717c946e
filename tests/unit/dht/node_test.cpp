#include "dht/node.hpp"

#include <doctest/doctest.h>

#include <set>

#include "dht/routing_table.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("stopping a node ends everything it had under way") {
  TestNetwork net;
  net.add_many(5);
  net.run(seconds(2));
  const auto query =
      net.act(3, [&](Node& node) { return node.find_node(net.now(), target_of(1)); });
  const auto ping =
      net.act(3, [&](Node& node) { return node.ping(net.now(), net.host(1).server); });
  net.act(3, [&](Node& node) { node.stop(net.now()); });
  CHECK(net.wait_done(3, query)->error == dht::Errc::cancelled);
  CHECK(
      net.wait_for<RequestDone>(3, [&](const auto& done) { return done.request == ping; })->error ==
      dht::Errc::request_timeout);
  CHECK_FALSE(net.node(3).next_timeout());
}

TEST_CASE("a node with 330 contacts needs less than 8 KiB") {
  ContactArena arena;
  SeededRandom random{5};
  NodeOptions options;
  options.mode = NodeOptions::Mode::persistent;
  options.upkeep = false;
  options.interfaces = {0x0a000001};
  options.server_port = 4000;
  Node node{options, arena, random};
  const Now now{TimePoint{} + minutes(1), {}};
  node.start(now);
  while (node.poll_event()) {
  }
  std::vector<Contact> contacts;
  for (std::uint32_t i = 0; i < 400'000; ++i)
    contacts.push_back(contact_of({0x0a100000 + i, 4000}));
  node.assume(now, contacts);
  CHECK(node.table().size() >= 290);
  MESSAGE("node with ", node.table().size(), " contacts: ", node.memory_bytes(), " bytes");
  CHECK(node.memory_bytes() < 8 * 1024);
}
