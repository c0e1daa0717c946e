#include "dht/lifecycle.hpp"

#include <doctest/doctest.h>

#include <set>

#include "dht/node.hpp"
#include "dht/routing_table.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("a first node is ready and persistent at once") {
  TestNetwork net;
  net.add({0x7f000001, 10'001});
  CHECK(net.node(0).is_ready());
  CHECK(net.node(0).is_persistent());
  CHECK_FALSE(net.node(0).is_firewalled());
  CHECK(net.node(0).id() == node_id_of({0x7f000001, 10'001}));
  CHECK(net.events_of<Ready>(0).size() == 1);
  CHECK_FALSE(net.events_of<Ready>(0)[0].reached);
  CHECK_FALSE(net.node(0).next_timeout());  // nothing to do for a node that knows nobody
}

TEST_CASE("nodes that enter through the first one find each other") {
  TestNetwork net;
  net.add_many(30);
  net.run(seconds(5));
  for (std::size_t i = 1; i < net.size(); ++i) {
    CAPTURE(i);
    REQUIRE(net.events_of<Ready>(i).size() == 1);
    CHECK(net.events_of<Ready>(i)[0].reached);
    CHECK(net.node(i).table().size() >= 15);
  }
}

TEST_CASE("a stranger's id enters the table only after it answered") {
  TestNetwork net;
  net.add_many(3);
  net.run(seconds(1));
  const Endpoint forged{0x7f000002, 5555};
  auto request = request_of(InternalCommand::ping);
  request.to = net.host(0).server;
  request.id = node_id_of(forged);
  net.inject(forged, net.host(0).server, request);
  net.run(seconds(10));
  CHECK_FALSE(net.node(0).table().contains(node_id_of(forged)));
  // A wrong id is as good as none.
  const auto before = net.node(0).stats().requests_sent;
  request.id = node_id_of({0x7f000002, 5556});
  net.inject(forged, net.host(0).server, request);
  net.run(milliseconds(50));
  CHECK(net.node(0).stats().requests_sent == before);
}

TEST_CASE("contacts outside private ranges are neither added nor asked in a private overlay") {
  TestNetwork net;
  net.add({0x0a000001, 4001});
  NodeOptions options;
  options.mode = NodeOptions::Mode::persistent;
  options.bootstrap = {{0x0a000001, 4001}};
  net.add({0x0a000002, 4002}, options);
  net.run(seconds(1));
  const Endpoint foreign{0x08080808, 53};
  bool asked = false;
  net.filter = [&](const TestNetwork::Packet& packet) {
    asked = asked || packet.to == foreign;
    if (const auto* request = std::get_if<Request>(&packet.message);
        request != nullptr && request->target && packet.to == net.host(0).server) {
      Reply reply;  // the first node names a foreign contact
      reply.tid = request->tid;
      reply.to = packet.from;
      reply.id = node_id_of(packet.to);
      reply.closer = {foreign};
      net.inject(packet.to, packet.from, reply);
      return false;
    }
    return true;
  };
  const auto query =
      net.act(1, [&](Node& node) { return node.find_node(net.now(), target_of(1)); });
  REQUIRE(net.wait_done(1, query) != nullptr);
  CHECK_FALSE(asked);
  auto ping = request_of(InternalCommand::ping);
  ping.to = net.host(1).server;
  ping.id = node_id_of(foreign);
  net.inject(foreign, net.host(1).server, ping);
  net.run(seconds(5));
  CHECK_FALSE(net.node(1).table().contains(node_id_of(foreign)));
  CHECK(drops(net.node(1), DropReason::foreign_realm) == 1);
}

TEST_CASE("a private node becomes persistent once another node reached its server socket") {
  TestNetwork net;
  net.add({0x0a000001, 4001});
  NodeOptions options;
  options.bootstrap = {{0x0a000001, 4001}};
  const auto joined = net.add({0x0a000002, 4002}, options, Endpoint{0x0a000002, 5002});
  CHECK_FALSE(net.node(joined).is_persistent());
  net.run(seconds(2));
  CHECK(net.node(joined).is_persistent());
  CHECK_FALSE(net.node(joined).is_firewalled());
  CHECK(net.node(joined).id() == node_id_of({0x0a000002, 4002}));
  CHECK(net.node(0).table().contains(node_id_of({0x0a000002, 4002})));
}

TEST_CASE("a private node that nobody can reach stays ephemeral") {
  TestNetwork net;
  net.add({0x0a000001, 4001});
  NodeOptions options;
  options.bootstrap = {{0x0a000001, 4001}};
  const Endpoint server{0x0a000002, 4002};
  net.filter = [&](const TestNetwork::Packet& packet) { return packet.to != server; };
  const auto joined = net.add(server, options, Endpoint{0x0a000002, 5002});
  net.run(minutes(3));
  CHECK(net.events_of<Ready>(joined).at(0).reached);
  CHECK_FALSE(net.node(joined).is_persistent());
  CHECK(net.node(joined).is_firewalled());
  CHECK(net.node(0).table().empty());
}

TEST_CASE("a node that sends to itself proves nothing about strangers") {
  TestNetwork net;
  net.add({0x0a000001, 4001});
  NodeOptions options;
  options.bootstrap = {{0x0a000001, 4001}};
  options.client_port = 5002;
  const Endpoint server{0x0a000002, 4002}, client{0x0a000002, 5002};
  net.filter = [&](const TestNetwork::Packet& packet) {
    return packet.to != server || packet.from == client;
  };
  const auto joined = net.add(server, options, client);
  net.run(seconds(2));
  net.act(joined, [&](Node& node) { return node.ping(net.now(), server); });
  net.run(minutes(3));
  CHECK(net.node(joined).is_firewalled());
}

TEST_CASE("on the public network three proofs from different networks are needed") {
  TestNetwork net;
  const auto public_node = [&](std::uint32_t ip, std::vector<Endpoint> bootstrap) {
    NodeOptions options;
    options.private_overlay = false;
    options.mode = NodeOptions::Mode::persistent;
    options.bootstrap = std::move(bootstrap);
    return net.add({ip, 4000}, options);
  };
  NodeOptions options;
  options.private_overlay = false;
  options.bootstrap = {{0x08000001, 4000}};
  SUBCASE("three networks") {
    public_node(0x08000001, {});
    public_node(0x08000102, {{0x08000001, 4000}});
    public_node(0x08000203, {{0x08000001, 4000}});
    net.run(seconds(2));
    const auto joined = net.add({0x09000001, 4000}, options, Endpoint{0x09000001, 5000});
    net.run(seconds(5));
    CHECK(net.node(joined).is_persistent());
    CHECK(net.node(joined).public_address() == Endpoint{0x09000001, 4000});
  }
  SUBCASE("one network") {
    public_node(0x08000001, {});
    public_node(0x08000002, {{0x08000001, 4000}});
    public_node(0x08000003, {{0x08000001, 4000}});
    net.run(seconds(2));
    const auto joined = net.add({0x09000001, 4000}, options, Endpoint{0x09000001, 5000});
    net.run(minutes(2));
    CHECK_FALSE(net.node(joined).is_persistent());
    CHECK_FALSE(net.node(joined).public_address().has_value());
  }
}

TEST_CASE("a node on several realms shows each receiver the id of the address it sees") {
  ContactArena arena;
  SeededRandom random{3};
  NodeOptions options;
  options.interfaces = {0x7f000001, 0x0a000005, 0xc0a80105};
  options.server_port = 4000;
  Node node{options, arena, random};
  const Now now{TimePoint{} + minutes(1), {}};
  node.start(now);
  const auto shown_to = [&](Endpoint peer) {
    node.ping(now, peer);
    const auto out = node.poll_message().value();
    CHECK(out.source_ip != 0);
    CHECK(std::get<Request>(out.message).id == node_id_of({out.source_ip, 4000}));
    return out.source_ip;
  };
  CHECK(shown_to({0x7f000001, 5000}) == 0x7f000001);
  CHECK(shown_to({0x0a000009, 5000}) == 0x0a000005);
  CHECK(shown_to({0xc0a80109, 5000}) == 0xc0a80105);
}

TEST_CASE("a node found outside the DHT is asked, and brings two lonely nodes together") {
  TestNetwork net;
  net.add({0x7f000001, 4001});
  net.add({0x7f000001, 4002});
  CHECK(net.node(0).table().empty());
  net.act(0, [&](Node& node) { node.introduce(net.now(), net.host(1).server); });
  net.run(seconds(2));
  CHECK(net.node(0).table().size() == 1);
  CHECK(net.node(1).table().size() == 1);
}

TEST_CASE("a node whose bootstrap contact is down keeps trying") {
  TestNetwork net;
  net.add({0x7f000001, 4001});
  net.kill(0);
  NodeOptions options;
  options.bootstrap = {net.host(0).server};
  net.add({0x7f000001, 4002}, options);
  net.run(seconds(20));
  REQUIRE(net.events_of<Ready>(1).size() == 1);
  CHECK_FALSE(net.events_of<Ready>(1)[0].reached);
  net.revive(0);
  net.run(seconds(40));
  REQUIRE(net.events_of<Ready>(1).size() == 2);
  CHECK(net.events_of<Ready>(1)[1].reached);
}

TEST_CASE("old contacts are checked, and an idle node without upkeep has no timeout") {
  TestNetwork net;
  NodeOptions options;
  options.upkeep = false;
  net.add_many(5, options);
  net.run(seconds(10));
  for (std::size_t i = 0; i < 5; ++i) CHECK_FALSE(net.node(i).next_timeout());

  TestNetwork kept;
  kept.add_many(5);
  kept.run(seconds(10));
  const auto before = kept.node(2).stats().requests_sent;
  kept.run(minutes(10));
  const auto sent = kept.node(2).stats().requests_sent - before;
  CHECK(sent > 10);
  CHECK(sent < 200);
  CHECK(kept.node(2).table().size() == 4);
}

TEST_CASE("a node checks fewer contacts while none is lost, and more for 10 min after one is") {
  TestNetwork net;
  net.add_many(14);
  net.run(minutes(1));
  unsigned pings = 0;
  net.filter = [&](const TestNetwork::Packet& packet) {
    const auto* request = std::get_if<Request>(&packet.message);
    pings += request && packet.from == net.host(3).server && request->is(InternalCommand::ping);
    return true;
  };
  const auto pings_in = [&](Duration time) {
    pings = 0;
    net.run(time);
    return pings;
  };
  CHECK(pings_in(minutes(10)) <= 32);  // 2 every 40 s
  net.kill(9);
  while (net.node(3).table().contains(node_id_of(net.host(9).server))) net.run(seconds(40));
  CHECK(pings_in(minutes(9)) >= 60);  // 5 every 40 s, and now and then the lost one
  net.run(minutes(3));
  CHECK(pings_in(minutes(10)) <= 34);
}

// Two networks that grew apart know the same nodes far away, and only those name the others' near
// ones.
TEST_CASE("an idle node looks for its neighbours from the far half of the network too") {
  TestNetwork net;
  net.add_many(64);
  net.run(minutes(1));
  const auto own = net.node(3).table().id().bytes;
  unsigned from_near = 0, from_afar = 0;
  net.filter = [&](const TestNetwork::Packet& packet) {
    const auto* request = std::get_if<Request>(&packet.message);
    if (!request || packet.from != net.host(3).server || request->target != own) return true;
    const bool is_far = ((node_id_of(packet.to).bytes[0] ^ own[0]) & 0x80) != 0;
    ++(is_far ? from_afar : from_near);
    return true;
  };
  net.run(minutes(15));
  CHECK(from_near > 0);
  CHECK(from_afar > 0);
}

TEST_CASE("a node gives back what its walks needed") {
  TestNetwork net;
  net.add_many(60);
  net.run(minutes(1));
  const auto before = net.node(3).memory_bytes();
  for (int i = 0; i < 20; ++i) {
    const auto walk =
        net.act(3, [&](Node& node) { return node.find_node(net.now(), net.random().bytes<32>()); });
    REQUIRE(net.wait_done(3, walk));
  }
  net.run(seconds(10));
  const auto after = net.node(3).memory_bytes();
  CAPTURE(before);
  CHECK(after < before + 1024);
  CHECK(after < 8192);
}

TEST_CASE("a node that slept checks its contacts and proves its reachability again") {
  TestNetwork net;
  net.add({0x0a000001, 4001});
  NodeOptions options;
  options.bootstrap = {{0x0a000001, 4001}};
  net.add({0x0a000002, 4002}, options, Endpoint{0x0a000002, 5002});
  net.run(minutes(1));
  REQUIRE(net.node(1).is_persistent());
  Now later = net.now();
  later.mono += minutes(30);
  net.act(1, [&](Node& node) { node.handle_timeout(later); });
  CHECK_FALSE(net.node(1).is_persistent());
  CHECK_FALSE(net.events_of<StateChanged>(1).back().persistent);
}

TEST_CASE("a node that the user vouches for believes the address that others see") {
  TestNetwork net;
  NodeOptions options;
  options.private_overlay = false;
  options.mode = NodeOptions::Mode::persistent;
  net.add({0x08000001, 4000}, options);
  options.bootstrap = {net.host(0).server};
  options.interfaces = {0x0a000001};  // behind a NAT that forwards its port
  const auto joined = net.add({0x09000001, 4000}, options);
  net.run(seconds(2));
  CHECK(net.node(joined).public_address() == Endpoint{0x09000001, 4000});
  CHECK(net.node(joined).id() == node_id_of({0x09000001, 4000}));
  CHECK(net.node(0).table().contains(node_id_of({0x09000001, 4000})));
}

TEST_CASE("two nodes of one host and two of its network form one overlay, each seen where it is") {
  TestNetwork net;
  const auto add = [&](std::uint32_t ip, std::uint16_t port) {
    NodeOptions options;
    options.interfaces = {TestNetwork::kLoopback, ip};
    return net.add({ip, port}, options, Endpoint{ip, static_cast<std::uint16_t>(port + 1000)});
  };
  const auto first = add(0x0a000001, 4001);
  const auto second = add(0x0a000001, 4002);
  const auto near = add(0x0a000002, 4001);
  const auto far = add(0x0a000003, 4001);
  // Local discovery: on the host by loopback, on the network by its address.
  net.act(second, [&](Node& node) { node.introduce(net.now(), {TestNetwork::kLoopback, 4001}); });
  net.act(near, [&](Node& node) { node.introduce(net.now(), {0x0a000001, 4001}); });
  net.act(far, [&](Node& node) { node.introduce(net.now(), {0x0a000001, 4001}); });
  net.run(seconds(60));
  const auto knows = [&](std::size_t i, Endpoint endpoint) {
    return net.node(i).table().contains(node_id_of(endpoint));
  };
  CHECK(knows(first, {TestNetwork::kLoopback, 4002}));
  CHECK(knows(second, {TestNetwork::kLoopback, 4001}));
  CHECK(knows(near, {0x0a000001, 4001}));
  CHECK(knows(near, {0x0a000003, 4001}));
  CHECK(knows(far, {0x0a000002, 4001}));
  // Nobody off the host is told of its loopback contacts.
  for (const auto i : {near, far}) {
    for (const auto& member : net.node(i).table().members()) {
      CHECK(member.contact.endpoint.realm() == Realm::private_network);
    }
  }
  const auto key = key_pair(1);
  const auto topic = target_of(1);
  for (const auto i : {first, second, near, far}) {
    const auto query = net.act(i, [&](Node& node) {
      return i == far ? node.announce(net.now(), topic, key, {}) : node.lookup(net.now(), topic);
    });
    CHECK_FALSE(net.wait_done(i, query)->error);
  }
  for (const auto i : {first, second, near}) {
    const auto query = net.act(i, [&](Node& node) { return node.lookup(net.now(), topic); });
    CHECK_FALSE(net.wait_done(i, query)->error);
    CHECK_FALSE(net.events_of<QueryReply>(i).empty());
  }
}
