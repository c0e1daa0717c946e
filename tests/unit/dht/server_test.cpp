#include "dht/server.hpp"

#include <doctest/doctest.h>

#include <set>

#include "dht/node.hpp"
#include "dht/payloads.hpp"
#include "dht/record_cache.hpp"
#include "dht/routing_table.hpp"
#include "dht/signatures.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("a storing node refuses values above 1200 bytes at once instead of being silent") {
  TestNetwork net;
  net.add_many(2);
  net.run(seconds(1));
  const auto get = net.act(1, [&](Node& node) {
    return node.request(net.now(), net.host(0).server,
                        {.command = 9, .target = target_of(1), .value = {}, .token = {}});
  });
  const auto done_is = [&](RequestId id) {
    return [id](const RequestDone& done) { return done.request == id; };
  };
  const auto token = net.wait_for<RequestDone>(1, done_is(get))->reply->token;
  REQUIRE(token.has_value());
  for (std::size_t size : {1200u, 1201u}) {
    const Bytes value(size, 7);
    const auto put = net.act(1, [&](Node& node) {
      return node.request(
          net.now(), net.host(0).server,
          {.command = 8, .target = target_of_value(value), .value = value, .token = token});
    });
    const auto* done = net.wait_for<RequestDone>(1, done_is(put));
    REQUIRE(done->reply.has_value());
    CHECK(done->reply->error == (size <= 1200 ? 0 : 1));
  }
}

TEST_CASE("an ephemeral node uses the network and is in nobody's table") {
  TestNetwork net;
  net.add_many(10);
  NodeOptions options;
  options.mode = NodeOptions::Mode::ephemeral;
  options.bootstrap = {net.host(0).server};
  const auto guest = net.add({0x7f000001, 30'000}, options);
  net.run(minutes(2));
  CHECK_FALSE(net.node(guest).is_persistent());
  CHECK(net.node(guest).table().size() == 10);
  for (std::size_t i = 0; i < guest; ++i) {
    CHECK_FALSE(net.node(i).table().contains(contact_of(net.host(guest).server).id));
  }
  // It stores nothing: the error makes queries go on without counting it.
  const auto ask = net.act(3, [&](Node& node) {
    return node.request(net.now(), net.host(guest).server,
                        {.command = 3, .target = target_of(1), .value = {}, .token = {}});
  });
  const auto* done =
      net.wait_for<RequestDone>(3, [&](const auto& event) { return event.request == ask; });
  REQUIRE(done->reply.has_value());
  CHECK(done->reply->error == 1);
  CHECK_FALSE(done->reply->token.has_value());
}

TEST_CASE("bad requests are dropped and counted, and leave no trace") {
  TestNetwork net;
  net.add_many(3);
  net.run(seconds(1));
  const auto members = net.node(0).table().size();
  const Endpoint stranger{0x7f000001, 7777};
  const auto send = [&](Request request) {
    request.to = net.host(0).server;
    net.inject(stranger, net.host(0).server, request);
    net.run(milliseconds(20));
  };
  send(request_of(InternalCommand::find_node));
  send(request_of(InternalCommand::ping_nat));
  send(request_of(InternalCommand::down_hint));
  send(request_of(InternalCommand::delayed_ping));
  for (std::uint64_t command : {0, 1, 2, 3, 7, 9}) {
    Request request;
    request.command = command;
    send(request);
  }
  CHECK(drops(net.node(0), DropReason::bad_value) == 10);
  for (std::uint64_t command : {4, 5, 6, 8}) {
    Request request;
    request.command = command;
    request.target = target_of(1);
    request.value = Bytes{1, 2, 3};
    send(request);
  }
  CHECK(drops(net.node(0), DropReason::missing_token) == 4);
  CHECK(net.node(0).table().size() == members);
  CHECK(net.node(0).records().counts().records == 0);
}

TEST_CASE("an announce that is not signed for this node and token is not stored") {
  TestNetwork net;
  net.add_many(2);
  net.run(seconds(1));
  const auto key = key_pair(4);
  const auto topic = target_of(1);
  const auto ask = net.act(1, [&](Node& node) {
    return node.request(net.now(), net.host(0).server,
                        {.command = 3, .target = topic, .value = {}, .token = {}});
  });
  const auto token =
      *net.wait_for<RequestDone>(1, [&](const auto& done) { return done.request == ask; })
           ->reply->token;
  const auto announce = [&](const NodeId& storing) {
    const auto value = sign_announce({topic, storing, token}, {key.public_key, {}}, key);
    net.act(1, [&](Node& node) {
      return node.request(
          net.now(), net.host(0).server,
          {.command = 4, .target = topic, .value = encode_announce(value), .token = token});
    });
    net.run(milliseconds(100));
  };
  announce(node_id_of({0x7f000001, 9}));
  CHECK(drops(net.node(0), DropReason::bad_signature) == 1);
  CHECK(net.node(0).records().counts().records == 0);
  announce(net.node(0).id());
  CHECK(net.node(0).records().counts().records == 1);
}

TEST_CASE(
    "one hint of a stranger does not remove a live node, and a hint of a member removes a dead "
    "one") {
  TestNetwork net;
  net.add_many(4);
  net.run(seconds(1));
  const auto hint = [&](Endpoint from, std::optional<NodeId> id, Endpoint about) {
    auto request = request_of(InternalCommand::down_hint);
    request.to = net.host(0).server;
    request.id = id;
    request.value = encode_address(about);
    net.inject(from, net.host(0).server, request);
    net.run(seconds(6));
  };
  const auto victim = contact_of(net.host(2).server);
  hint({0x7f000001, 7777}, std::nullopt, victim.endpoint);
  CHECK(drops(net.node(0), DropReason::hint_limit) == 1);
  hint(net.host(1).server, contact_of(net.host(1).server).id, victim.endpoint);
  CHECK(net.node(0).table().contains(victim.id));
  net.kill(2);
  hint(net.host(1).server, contact_of(net.host(1).server).id, victim.endpoint);
  CHECK_FALSE(net.node(0).table().contains(victim.id));
}
