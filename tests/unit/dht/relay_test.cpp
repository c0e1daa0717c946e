#include "dht/relay.hpp"

#include <doctest/doctest.h>

#include <set>

#include "dht/node.hpp"
#include "dht/payloads.hpp"
#include "dht/signatures.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("a hello travels by a relay to the peer and its answer comes back") {
  TestNetwork net;
  net.add_many(12);
  net.run(seconds(5));
  const auto key = key_pair(6);
  const auto target = target_of_key(key.public_key);
  net.act(4, [&](Node& node) { node.listen(key.public_key); });
  const auto announce = net.act(4, [&](Node& node) {
    return node.announce(net.now(), target, key, {}, {.start = {}, .replicas = 3});
  });
  const auto relay = net.wait_done(4, announce)->stored.at(0).node.endpoint;
  const std::size_t client = relay == net.host(7).server ? 8 : 7;

  const auto hello = net.act(client, [&](Node& node) {
    return node.send_hello(net.now(), relay, target, to_bytes(bytes_of("message 1")));
  });
  const auto* received = net.wait_for<HelloReceived>(4, [](const auto&) { return true; });
  REQUIRE(received != nullptr);
  CHECK(received->relayed);
  CHECK(received->client == net.host(client).server);
  CHECK(received->noise == to_bytes(bytes_of("message 1")));
  const auto ticket = received->ticket;
  net.act(4, [&](Node& node) {
    node.answer_hello(net.now(), ticket, to_bytes(bytes_of("message 2")));
  });
  const auto* reply = net.wait_for<HelloReply>(client, [](const auto&) { return true; });
  REQUIRE(reply != nullptr);
  CHECK(reply->request == hello);
  CHECK(reply->from == relay);
  CHECK(reply->server == net.host(4).server);
  CHECK(reply->own_address == net.host(client).server);
  CHECK(reply->noise == to_bytes(bytes_of("message 2")));
}

TEST_CASE("a hello straight to the peer is answered without relays") {
  TestNetwork net;
  net.add_many(2);
  net.run(seconds(1));
  const auto key = key_pair(7);
  net.act(0, [&](Node& node) { node.listen(key.public_key); });
  net.act(1, [&](Node& node) {
    return node.send_hello(net.now(), net.host(0).server, target_of_key(key.public_key), Bytes{1});
  });
  const auto* received = net.wait_for<HelloReceived>(0, [](const auto&) { return true; });
  REQUIRE(received != nullptr);
  CHECK_FALSE(received->relayed);
  const auto ticket = received->ticket;
  net.act(0, [&](Node& node) { node.answer_hello(net.now(), ticket, Bytes{2}); });
  const auto* reply = net.wait_for<HelloReply>(1, [](const auto&) { return true; });
  REQUIRE(reply != nullptr);
  CHECK_FALSE(reply->server.has_value());
}

TEST_CASE("a hello to a node that knows no way, or to a dead one, fails") {
  TestNetwork net;
  net.add_many(3);
  net.run(seconds(1));
  const auto hello = [&] {
    return net.act(1, [&](Node& node) {
      return node.send_hello(net.now(), net.host(0).server, target_of(1), Bytes{1});
    });
  };
  const auto failed = [&](RequestId id) {
    return net.wait_for<HelloFailed>(1, [&](const auto& event) { return event.request == id; });
  };
  CHECK(failed(hello())->error == dht::Errc::not_a_relay);
  net.kill(0);
  CHECK(failed(hello())->error == dht::Errc::request_timeout);
}

TEST_CASE("a hello by oneself as the relay goes straight to the peer") {
  TestNetwork net;
  net.add_many(2);
  net.run(seconds(1));
  const auto key = key_pair(8);
  const auto target = target_of_key(key.public_key);
  net.act(1, [&](Node& node) { node.listen(key.public_key); });
  const auto announce =
      net.act(1, [&](Node& node) { return node.announce(net.now(), target, key, {}); });
  REQUIRE(net.wait_done(1, announce) != nullptr);
  net.act(0, [&](Node& node) {
    return node.send_hello(net.now(), net.host(0).server, target, Bytes{1});
  });
  const auto* received = net.wait_for<HelloReceived>(1, [](const auto&) { return true; });
  REQUIRE(received != nullptr);
  CHECK_FALSE(received->relayed);
  CHECK(received->client == net.host(0).server);
}

TEST_CASE("a relay refuses to send answers that nobody asked for") {
  TestNetwork net;
  net.add_many(3);
  net.run(seconds(1));
  Request request;
  request.to = net.host(0).server;
  request.target = target_of(1);
  request.value =
      encode_handshake({RelayMode::from_server, Bytes{1}, Endpoint{0x08080808, 53}, {}});
  const auto relayed = net.node(0).stats().relayed;
  net.inject({0x7f000001, 7777}, net.host(0).server, request);
  net.run(milliseconds(50));
  CHECK(net.node(0).stats().relayed == relayed);
  CHECK(drops(net.node(0), DropReason::relay_unasked) == 1);
}
