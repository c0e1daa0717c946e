// Attacks on what a node knows of others and of itself.

#include "dht/payloads.hpp"
#include "dht/routing_table.hpp"
#include "tests/abuse/both_ways.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a stranger's down hint does not evict a live node") {
  check_both_ways(&Defences::careful_hints, [](Defences defences) {
    TestNetwork net;
    net.add_many(2, with(defences));
    net.run(seconds(5));
    // Heard of in this very tick: stock takes the answer to the check for silence.
    net.act(1, [&](Node& node) { return node.ping(net.now(), net.host(0).server); });
    net.run(milliseconds(50));
    REQUIRE(net.node(0).table().contains(node_id_of(net.host(1).server)));
    auto hint = request_of(InternalCommand::down_hint);
    hint.to = net.host(0).server;
    hint.value = encode_address(net.host(1).server);
    net.inject({TestNetwork::kLoopback, 7777}, net.host(0).server, hint);
    net.run(milliseconds(500));
    return !net.node(0).table().contains(node_id_of(net.host(1).server));
  });
}

TEST_CASE("one host does not fill a bucket with its ports") {
  check_both_ways(&Defences::table_caps, [](Defences defences) {
    TestNetwork net;
    add_public(net, {0x08000001, 4000}, defences);
    const auto victim = net.host(0).server;
    const std::uint32_t attacker = 0x09000001;
    // The attacker answers on all its ports.
    net.filter = [&](const TestNetwork::Packet& packet) {
      const auto* request = std::get_if<Request>(&packet.message);
      if (packet.to.ip != attacker || request == nullptr) return packet.to.ip != attacker;
      Reply reply;
      reply.tid = request->tid;
      reply.to = packet.from;
      reply.id = node_id_of(packet.to);
      net.inject(packet.to, packet.from, reply);
      return false;
    };
    for (std::uint16_t port = 1000; port < 1200; ++port) {
      auto ping = request_of(InternalCommand::ping);
      ping.tid = port;
      ping.to = victim;
      ping.id = node_id_of({attacker, port});
      net.inject({attacker, port}, victim, ping);
      net.run(milliseconds(50));
    }
    std::size_t in_first_bucket = 0;
    for (const auto& member : net.node(0).table().members()) {
      in_first_bucket += net.node(0).table().bucket_of(member.contact.id) == 0;
    }
    return in_first_bucket > 10;
  });
}

TEST_CASE("liars of one network do not tell a node its address") {
  check_both_ways(&Defences::vote_per_subnet, [](Defences defences) {
    TestNetwork net;
    const Endpoint truth{0x0c000001, 4000}, lie{0x06060606, 4000};
    for (std::uint32_t i = 0; i < 2; ++i) add_public(net, {0x08000001 + 65536 * i, 4000});
    for (std::uint32_t i = 0; i < 18; ++i) add_public(net, {0x09000001 + i, 4000});
    net.run(seconds(5));
    net.filter = [&](const TestNetwork::Packet& packet) {
      const auto* reply = std::get_if<Reply>(&packet.message);
      const bool liar = packet.from.ip >> 8 == 0x090000;
      if (!liar || reply == nullptr || packet.to != truth || reply->to == lie) return true;
      auto changed = *reply;
      changed.to = lie;
      net.inject(packet.from, packet.to, changed);
      return false;
    };
    NodeOptions options;
    options.private_overlay = false;
    options.mode = NodeOptions::Mode::persistent;
    options.defences = defences;
    options.interfaces = {0x0a000001};  // behind a NAT that forwards its port
    options.bootstrap = {{0x09000001, 4000}};
    const auto victim = net.add(truth, options);
    net.run(seconds(10));
    return net.node(victim).nat_view().believed == lie;
  });
}

TEST_CASE("a dead address that others keep naming costs a node one timeout, not one per walk") {
  check_both_ways(&Defences::remember_dead, [](Defences defences) {
    TestNetwork net;
    auto options = with(defences);
    options.upkeep = false;
    net.add_many(8, options);
    net.run(seconds(1));
    const auto dead = net.host(7).server;
    net.kill(7);
    const auto target = Target(node_id_of(dead).bytes);
    // The others are made to name it for ever.
    const auto walk = [&] {
      std::vector<Contact> named{contact_of(dead)};
      for (std::size_t i = 1; i < 7; ++i) net.node(i).assume(net.now(), named);
      const auto query = net.act(0, [&](Node& node) { return node.find_node(net.now(), target); });
      return net.wait_done(0, query)->took;
    };
    walk();
    net.run(seconds(20));  // the first walk's last transmissions
    return walk() > milliseconds(90);
  });
}
