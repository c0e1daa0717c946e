// A node among liars: whatever comes in, it stays within its bounds and serves the honest.

#include <doctest/doctest.h>

#include "dht/payloads.hpp"
#include "dht/record_cache.hpp"
#include "dht/routing_table.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Bytes random_bytes(Random& random, std::size_t most) {
  Bytes out(random.below(most + 1));
  random.fill(out);
  return out;
}

// A message of any kind with fields that make sense just often enough to get deep.
Message random_message(Random& random, Endpoint to) {
  const auto maybe = [&] { return random.below(2) == 0; };
  if (random.below(3) == 0) {
    Reply reply;
    reply.tid = random.next_u16();
    reply.to = to;
    if (maybe()) reply.id = NodeId{random.bytes<32>()};
    if (maybe()) reply.token = random.bytes<32>();
    for (auto n = random.below(30); n > 0; --n) {
      reply.closer.push_back({0x7f000001, random.next_u16()});
    }
    if (maybe()) reply.error = random.below(20);
    if (maybe()) reply.value = random_bytes(random, 300);
    return reply;
  }
  Request request;
  request.tid = random.next_u16();
  request.to = to;
  request.internal = maybe();
  request.command = random.below(12);
  if (maybe()) request.id = NodeId{random.bytes<32>()};
  if (random.below(4) == 0) request.token = random.bytes<32>();
  if (random.below(4) != 0) request.target = random.bytes<32>();
  if (random.below(4) != 0) request.value = random_bytes(random, 300);
  return request;
}

// A node on the public network, as it is when nobody names a private overlay.
std::size_t add_public(TestNetwork& net, std::uint32_t ip) {
  NodeOptions options;
  options.private_overlay = false;
  options.mode = NodeOptions::Mode::persistent;
  if (net.size() > 0) options.bootstrap = {net.host(0).server};
  return net.add({ip, 4000}, options);
}

// What host 0 says to a request with a target instead of the truth.
Reply lie_to(const TestNetwork::Packet& packet, std::vector<Endpoint> closer) {
  Reply lie;
  lie.tid = std::get<Request>(packet.message).tid;
  lie.to = packet.from;
  lie.id = node_id_of(packet.to);
  lie.closer = std::move(closer);
  return lie;
}

}  // namespace

TEST_CASE(
    "a flood of random messages changes neither table nor records, and every drop is counted") {
  TestNetwork net;
  net.add_many(6);
  net.run(seconds(2));
  const auto members = net.node(0).table().size();
  const auto memory = net.node(0).memory_bytes();
  for (int i = 0; i < 20'000; ++i) {
    const Endpoint from{0x7f000002, static_cast<std::uint16_t>(net.random().next_u16() | 1)};
    net.inject(from, net.host(0).server, random_message(net.random(), net.host(0).server));
    if (i % 100 == 0) net.run(milliseconds(20));
  }
  net.run(seconds(30));
  CHECK(net.node(0).table().size() == members);
  const auto counts = net.node(0).records().counts();
  CHECK(counts.records + counts.forwards + counts.mutables + counts.immutables == 0);
  CHECK(net.node(0).memory_bytes() < memory + 100'000);
  CHECK(net.node(0).queries_running() == 0);
  CHECK(drops(net.node(0), DropReason::unknown_reply) > 5'000);
  const auto query =
      net.act(0, [&](Node& node) { return node.find_node(net.now(), target_of(1)); });
  CHECK(net.wait_done(0, query)->closest.size() == 5);
}

TEST_CASE("nodes on the public network cannot make a node probe private ranges") {
  TestNetwork net;
  add_public(net, 0x08000001);
  const auto victim = add_public(net, 0x09000001);
  net.run(seconds(1));
  std::vector<Endpoint> asked;
  net.filter = [&](const TestNetwork::Packet& packet) {
    asked.push_back(packet.to);
    const auto* request = std::get_if<Request>(&packet.message);
    if (request == nullptr || !request->target || packet.to != net.host(0).server) return true;
    net.inject(packet.to, packet.from,
               lie_to(packet, {{0xc0a80101, 80}, {0x7f000001, 22}, {0x0a000001, 53}}));
    return false;
  };
  const auto query =
      net.act(victim, [&](Node& node) { return node.find_node(net.now(), target_of(1)); });
  REQUIRE(net.wait_done(victim, query) != nullptr);
  for (const auto endpoint : asked) CHECK(endpoint.realm() == Realm::public_network);
}

TEST_CASE("a node on the public network is not told that a private contact is silent") {
  TestNetwork net;
  add_public(net, 0x08000001);
  const auto searcher = add_public(net, 0x09000001);
  net.run(seconds(1));
  const Endpoint silent{0xc0a80101, 80};
  const Endpoint neighbour{0xc0a80102, 4000};
  const auto search = [&](Endpoint start) {
    QueryOptions options;
    options.start = {start};
    const auto query = net.act(
        searcher, [&](Node& node) { return node.find_node(net.now(), target_of(1), options); });
    REQUIRE(net.wait_done(searcher, query) != nullptr);
  };
  search(silent);
  // A neighbour names it, then the other node, which answers the second transmission only.
  unsigned asked = 0, hints = 0;
  net.filter = [&](const TestNetwork::Packet& packet) {
    const auto* request = std::get_if<Request>(&packet.message);
    if (request == nullptr) return true;
    const bool is_other = packet.to == net.host(0).server;
    hints += is_other && request->is(InternalCommand::down_hint);
    if (!request->target || (!is_other && packet.to != neighbour)) return true;
    if (is_other && ++asked == 1) return false;
    net.inject(packet.to, packet.from, lie_to(packet, {silent}));
    return false;
  };
  search(neighbour);
  net.run(seconds(10));
  CHECK(asked == 2);
  CHECK(hints == 0);
}

TEST_CASE(
    "a relay carries nothing from the public network into a private one on a stranger's word") {
  TestNetwork net;
  NodeOptions options;
  options.private_overlay = false;
  options.mode = NodeOptions::Mode::persistent;
  net.add({0x08000001, 4000}, options);
  Request request;
  request.to = net.host(0).server;
  request.target = target_of(1);
  request.value =
      encode_handshake({RelayMode::from_client, Bytes{1}, {}, Endpoint{0xc0a80101, 80}});
  bool reached = false;
  net.filter = [&](const TestNetwork::Packet& packet) {
    reached = reached || packet.to.ip == 0xc0a80101;
    return true;
  };
  net.inject({0x09000001, 4000}, net.host(0).server, request);
  net.run(seconds(1));
  CHECK_FALSE(reached);
  CHECK(drops(net.node(0), DropReason::relay_forbidden) == 1);
}

TEST_CASE("what a relay carries for one source is limited") {
  TestNetwork net;
  NodeOptions options;
  options.mode = NodeOptions::Mode::persistent;
  net.add({0x0a000001, 4000}, options);
  for (std::uint16_t i = 0; i < 200; ++i) {
    Request request;
    request.tid = i;
    request.to = net.host(0).server;
    request.target = target_of(1);
    const Endpoint anybody{0x0a000100u + i, 80};
    request.value = encode_handshake({RelayMode::from_client, Bytes{1}, {}, anybody});
    net.inject({0x0a000002, 4000}, net.host(0).server, request);
  }
  net.run(milliseconds(500));
  CHECK(net.node(0).stats().relayed == 64);
  CHECK(drops(net.node(0), DropReason::relay_limit) == 136);
}

TEST_CASE("a forged source that asks for much gets bare answers once its budget is gone") {
  TestNetwork net;
  NodeOptions options;
  options.mode = NodeOptions::Mode::persistent;
  options.private_overlay = false;
  net.add({0x08000001, 4000}, options);
  std::vector<Contact> contacts;
  for (std::uint32_t i = 0; i < 40; ++i)
    contacts.push_back(contact_of({0x09000001 + 256 * i, 4000}));
  net.node(0).assume(net.now(), contacts);
  const Endpoint forged{0x0b000001, 4000};
  std::size_t whole = 0, bare = 0, pings = 0;
  net.filter = [&](const TestNetwork::Packet& packet) {
    if (packet.to != forged) return true;
    if (const auto* reply = std::get_if<Reply>(&packet.message)) {
      ++(reply->closer.empty() ? bare : whole);
    } else {
      ++pings;
    }
    return true;
  };
  for (std::uint16_t i = 0; i < 200; ++i) {
    auto request = request_of(InternalCommand::find_node);
    request.tid = i;
    request.to = net.host(0).server;
    request.target = target_of(1);
    net.inject(forged, net.host(0).server, request);
  }
  net.run(milliseconds(100));
  CHECK(whole + bare == 200);
  CHECK(whole < 60);
  CHECK(pings == 1);
}

TEST_CASE("delayed pings are answered late, and only so many wait") {
  TestNetwork net;
  net.add_many(2);
  net.run(seconds(1));
  const Endpoint asker{0x7f000001, 7777};
  std::vector<TimePoint> answered;
  net.filter = [&](const TestNetwork::Packet& packet) {
    if (packet.to == asker) answered.push_back(net.now().mono);
    return true;
  };
  const auto start = net.now().mono;
  for (std::uint16_t i = 0; i < 100; ++i) {
    auto request = request_of(InternalCommand::delayed_ping);
    request.tid = i;
    request.to = net.host(0).server;
    request.value = encode_delay(1000);
    net.inject(asker, net.host(0).server, request);
  }
  net.run(seconds(3));
  CHECK(answered.size() == 64);
  CHECK(answered.front() >= start + milliseconds(1000));
  CHECK(drops(net.node(0), DropReason::delay_limit) == 36);
}

TEST_CASE("a commit whose token has run out is repeated once with the fresh one") {
  TestNetwork net;
  net.add_many(2);
  net.run(seconds(1));
  // The walk's answer travels so slowly that its token is too old when it comes back.
  bool spoiled = false;
  net.filter = [&](const TestNetwork::Packet& packet) {
    const auto* request = std::get_if<Request>(&packet.message);
    if (request == nullptr || !request->is(Command::immutable_put) || spoiled) return true;
    spoiled = true;
    auto stale = *request;
    stale.token = Bytes32{};
    net.inject(packet.from, packet.to, stale);
    return false;
  };
  const auto put = net.act(1, [&](Node& node) {
    return node.put_immutable(net.now(), to_bytes(bytes_of("x"))).value();
  });
  const auto* done = net.wait_done(1, put);
  REQUIRE(done != nullptr);
  CHECK(spoiled);
  REQUIRE(done->stored.size() == 1);
  CHECK(done->stored[0].error == 0);
  CHECK(net.node(0).records().counts().immutables == 1);
}
