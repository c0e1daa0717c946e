#include "dht/queries.hpp"

#include <doctest/doctest.h>

#include <set>

#include "dht/node.hpp"
#include "dht/payloads.hpp"
#include "dht/routing_table.hpp"
#include "dht/signatures.hpp"
#include "dht/size_estimator.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("find_node finds exactly the closest nodes of the network") {
  TestNetwork net;
  net.add_many(50);
  net.run(seconds(5));
  for (std::uint8_t n = 0; n < 10; ++n) {
    const auto from = std::size_t{n} * 4 + 3;
    const auto target = target_of(n);
    const auto query = net.act(from, [&](Node& node) { return node.find_node(net.now(), target); });
    const auto* done = net.wait_done(from, query);
    REQUIRE(done != nullptr);
    CHECK_FALSE(done->error);
    CHECK(endpoints_of(done->closest) == true_closest(net, target, 20, from));
    REQUIRE_FALSE(done->hops.empty());
    CHECK(done->hops.back().contact == done->closest.front());
    CHECK(done->hops_to_closest >= 1);
  }
}

TEST_CASE("an announce is found by a lookup from any other node") {
  TestNetwork net;
  net.add_many(40);
  net.run(seconds(5));
  const auto key = key_pair(1);
  const auto topic = target_of(77);
  const std::vector<Endpoint> relays = {net.host(3).server};
  const auto query =
      net.act(5, [&](Node& node) { return node.announce(net.now(), topic, key, relays); });
  const auto* done = net.wait_done(5, query);
  REQUIRE(done != nullptr);
  CHECK_FALSE(done->error);
  CHECK(done->stored.size() >= 19);
  for (const auto& stored : done->stored) CHECK(stored.error == 0);

  const auto lookup = net.act(33, [&](Node& node) { return node.lookup(net.now(), topic); });
  REQUIRE(net.wait_done(33, lookup) != nullptr);
  const auto replies = net.events_of<QueryReply>(33);
  REQUIRE_FALSE(replies.empty());
  const auto found = decode_lookup_reply(replies[0].value);
  REQUIRE(found.has_value());
  REQUIRE(found->peers.size() == 1);
  CHECK(found->peers[0] == Peer{key.public_key, relays});

  const auto undo = net.act(5, [&](Node& node) { return node.unannounce(net.now(), topic, key); });
  REQUIRE(net.wait_done(5, undo) != nullptr);
  const auto again = net.act(20, [&](Node& node) { return node.lookup(net.now(), topic); });
  REQUIRE(net.wait_done(20, again) != nullptr);
  CHECK(net.events_of<QueryReply>(20).empty());
}

TEST_CASE("a key that is announced to itself is found by find_peer at its relays") {
  TestNetwork net;
  net.add_many(30);
  net.run(seconds(5));
  const auto key = key_pair(2);
  const auto target = target_of_key(key.public_key);
  net.act(4, [&](Node& node) { node.listen(key.public_key); });
  const auto query = net.act(4, [&](Node& node) {
    return node.announce(net.now(), target, key, {}, {.start = {}, .replicas = 3});
  });
  const auto* done = net.wait_done(4, query);
  REQUIRE(done != nullptr);
  REQUIRE(done->stored.size() == 3);
  CHECK(done->stored[0].own_address == net.host(4).server);
  std::set<Endpoint> relays;
  for (const auto& stored : done->stored) relays.insert(stored.node.endpoint);

  const auto find = net.act(17, [&](Node& node) { return node.find_peer(net.now(), target); });
  REQUIRE(net.wait_done(17, find) != nullptr);
  bool direct = false;
  std::size_t named = 0;
  for (const auto& reply : net.events_of<QueryReply>(17)) {
    CHECK(decode_peer(reply.value) == Peer{key.public_key, {}});
    direct = direct || reply.from == net.host(4).server;
    named += relays.count(reply.from);
  }
  CHECK(named == 3 - relays.count(net.host(17).server));
  CHECK((direct || named > 0));
}

TEST_CASE("in an overlay of one node, an own announce is found") {
  TestNetwork net;
  net.add({0x7f000001, 10'001});
  const auto key = key_pair(3);
  const auto self = target_of_key(key.public_key);
  net.act(0, [&](Node& node) { node.listen(key.public_key); });
  for (const auto& target : {self, target_of(5)}) {
    const auto announce =
        net.act(0, [&](Node& node) { return node.announce(net.now(), target, key, {}); });
    const auto* done = net.wait_done(0, announce);
    REQUIRE(done != nullptr);
    CHECK_FALSE(done->error);
    CHECK(done->stored_here);
  }
  const auto find = net.act(0, [&](Node& node) { return node.find_peer(net.now(), self); });
  CHECK_FALSE(net.wait_done(0, find)->error);
  const auto lookup = net.act(0, [&](Node& node) { return node.lookup(net.now(), target_of(5)); });
  CHECK_FALSE(net.wait_done(0, lookup)->error);
  const auto replies = net.events_of<QueryReply>(0);
  REQUIRE(replies.size() == 2);
  CHECK(decode_peer(replies[0].value)->public_key == key.public_key);
  CHECK(replies[0].local);
  CHECK(decode_lookup_reply(replies[1].value)->peers.at(0).public_key == key.public_key);
  const auto unknown = net.act(0, [&](Node& node) { return node.lookup(net.now(), target_of(6)); });
  CHECK(net.wait_done(0, unknown)->error == dht::Errc::no_contacts);
}

TEST_CASE("in an overlay of two nodes, each finds what either announced") {
  TestNetwork net;
  net.add_many(2);
  net.run(seconds(1));
  for (const std::size_t announcer : {0U, 1U}) {
    const auto key = key_pair(static_cast<std::uint8_t>(10 + announcer));
    const auto self = target_of_key(key.public_key);
    net.act(announcer, [&](Node& node) { node.listen(key.public_key); });
    const auto announce =
        net.act(announcer, [&](Node& node) { return node.announce(net.now(), self, key, {}); });
    const auto* done = net.wait_done(announcer, announce);
    REQUIRE(done != nullptr);
    CHECK_FALSE(done->error);
    CHECK(done->stored.size() == 1);
    for (const std::size_t seeker : {0U, 1U}) {
      CAPTURE(announcer);
      CAPTURE(seeker);
      const auto find =
          net.act(seeker, [&](Node& node) { return node.find_peer(net.now(), self); });
      CHECK_FALSE(net.wait_done(seeker, find)->error);
      bool found = false;
      for (const auto& reply : net.events_of<QueryReply>(seeker)) {
        found = found ||
                (reply.query == find && decode_peer(reply.value)->public_key == key.public_key);
      }
      CHECK(found);
    }
  }
}

TEST_CASE("values put by one node are read by another, and checked") {
  TestNetwork net;
  net.add_many(25);
  net.run(seconds(5));
  const auto value = to_bytes(bytes_of("a value"));
  const auto put =
      net.act(2, [&](Node& node) { return node.put_immutable(net.now(), value); }).value();
  CHECK(net.wait_done(2, put)->stored.size() >= 19);
  const auto get =
      net.act(9, [&](Node& node) { return node.get_immutable(net.now(), target_of_value(value)); });
  CHECK_FALSE(net.wait_done(9, get)->error);
  REQUIRE(net.events_of<QueryReply>(9).size() >= 1);
  CHECK(net.events_of<QueryReply>(9)[0].value == value);

  const auto key = key_pair(9);
  for (const std::uint64_t seq : {1U, 2U}) {
    const auto next = to_bytes(bytes_of(seq == 1 ? "one" : "two"));
    const auto store =
        net.act(3, [&](Node& node) { return node.put_mutable(net.now(), key, seq, next); }).value();
    CHECK_FALSE(net.wait_done(3, store)->error);
  }
  const auto read =
      net.act(8, [&](Node& node) { return node.get_mutable(net.now(), key.public_key, 0); });
  REQUIRE(net.wait_done(8, read) != nullptr);
  REQUIRE_FALSE(net.events_of<QueryReply>(8).empty());
  const auto best = decode_mutable_value(net.events_of<QueryReply>(8).back().value);
  CHECK(best->seq == 2);
  CHECK(best->value == to_bytes(bytes_of("two")));

  const auto stale = net.act(4, [&](Node& node) {
    return node.put_mutable(net.now(), key, 1, to_bytes(bytes_of("late")));
  });
  const auto* refused = net.wait_done(4, stale.value());
  CHECK(refused->error == dht::Errc::not_stored);
  CHECK(refused->stored.at(0).error == 17);
}

TEST_CASE("own values above 1000 bytes are refused before anything is sent") {
  TestNetwork net;
  net.add_many(2);
  const auto sent = net.node(0).stats().requests_sent;
  const auto too_large = net.act(
      0, [&](Node& node) { return node.put_immutable(net.now(), Bytes(kMaxOwnValueSize + 1)); });
  CHECK(too_large.error() == dht::Errc::value_too_large);
  CHECK(net.node(0).stats().requests_sent == sent);
}

TEST_CASE("a contact that was silent twice is left out of the walks that follow") {
  TestNetwork net;
  net.add_many(40);
  net.run(seconds(5));
  for (std::size_t i = 30; i < 40; ++i) net.kill(i);
  Duration took[2];
  for (auto& duration : took) {
    const auto query =
        net.act(2, [&](Node& node) { return node.find_node(net.now(), target_of(3)); });
    duration = net.wait_done(2, query)->took;
    net.run(milliseconds(400));  // the first wait is 100 ms, the second 200 ms
  }
  CHECK(took[0] >= milliseconds(100));
  CHECK(took[1] < milliseconds(100));
}

TEST_CASE("dead nodes hold up a query only shortly, are remembered, and leave the tables") {
  TestNetwork net;
  net.add_many(40);
  net.run(seconds(5));
  for (std::size_t i = 30; i < 40; ++i) net.kill(i);
  const auto target = target_of(3);
  std::vector<Endpoint> live;
  for (const auto endpoint : true_closest(net, target, 40, 2)) {
    if (endpoint.port < 10'001 + 30) live.push_back(endpoint);
  }
  live.resize(20);
  Duration took[3];
  for (auto& duration : took) {
    const auto query = net.act(2, [&](Node& node) { return node.find_node(net.now(), target); });
    const auto* done = net.wait_done(2, query);
    REQUIRE(done != nullptr);
    CHECK(endpoints_of(done->closest) == live);
    duration = done->took;
    net.run(seconds(10));
  }
  CHECK(took[0] < milliseconds(1000));
  CHECK(took[2] < milliseconds(100));  // the dead are remembered
  net.run(minutes(5));
  for (std::size_t i = 30; i < 40; ++i) {
    CHECK_FALSE(net.node(2).table().contains(contact_of(net.host(i).server).id));
  }
}

TEST_CASE("queries come through when one datagram in ten is lost") {
  TestNetwork net;
  net.loss = 0.1;
  net.add_many(30);
  net.run(seconds(20));
  const auto target = target_of(8);
  const auto query = net.act(7, [&](Node& node) { return node.find_node(net.now(), target); });
  const auto* done = net.wait_done(7, query);
  REQUIRE(done != nullptr);
  CHECK(endpoints_of(done->closest) == true_closest(net, target, 20, 7));
}

TEST_CASE("a reply from another address than the one asked is dropped and counted") {
  TestNetwork net;
  net.add_many(2);
  net.run(seconds(1));
  const Endpoint liar{0x7f000009, 6666};
  net.filter = [&](const TestNetwork::Packet& packet) {
    const auto* request = std::get_if<Request>(&packet.message);
    if (request == nullptr || packet.to != net.host(0).server || !request->target) return true;
    Reply lie;
    lie.tid = request->tid;
    lie.to = packet.from;
    lie.id = node_id_of(liar);
    lie.closer = {liar};
    net.inject(liar, packet.from, lie);
    return true;
  };
  const auto query =
      net.act(1, [&](Node& node) { return node.find_node(net.now(), target_of(1)); });
  const auto* done = net.wait_done(1, query);
  REQUIRE(done != nullptr);
  CHECK(endpoints_of(done->closest) == std::vector{net.host(0).server});
  net.run(seconds(1));
  CHECK(drops(net.node(1), DropReason::wrong_source) +
            drops(net.node(1), DropReason::unknown_reply) >
        0);
  CHECK_FALSE(net.node(1).table().contains(node_id_of(liar)));
}

TEST_CASE("a cancelled query ends once, with that error") {
  TestNetwork net;
  net.add_many(10);
  net.run(seconds(2));
  const auto query =
      net.act(3, [&](Node& node) { return node.find_node(net.now(), target_of(1)); });
  net.act(3, [&](Node& node) { node.cancel(net.now(), query); });
  net.run(seconds(2));
  const auto done = net.events_of<QueryDone>(3);
  REQUIRE(done.size() == 1);
  CHECK(done[0].error == dht::Errc::cancelled);
  CHECK(net.node(3).queries_running() == 0);
}

TEST_CASE("the size of a small network is counted by walks") {
  TestNetwork net;
  net.add_many(12);
  net.run(seconds(5));
  const auto query =
      net.act(3, [&](Node& node) { return node.find_node(net.now(), target_of(1)); });
  REQUIRE(net.wait_done(3, query) != nullptr);
  REQUIRE(net.node(3).size_estimator() != nullptr);
  CHECK(net.node(3).size_estimator()->density()->nodes == doctest::Approx(12));
}
