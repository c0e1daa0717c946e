#include <doctest/doctest.h>

#include "dht/commands.hpp"
#include "overlay/hello_client.hpp"
#include "overlay/hello_server.hpp"
#include "overlay/transport/udx/streams.hpp"
#include "tests/support/vectors.hpp"
#include "tests/unit/overlay/scripted_random.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;
using test::hex;
using test::hex32;
using test::load_vectors;
using test::ScriptedRandom;

namespace {

Endpoint ep(const char* text) { return *parse_endpoint(text); }
Now after(Duration time) { return {TimePoint{} + time, {}}; }

// A client and a server that never met, without anything between them.
struct Fixture {
  SeededRandom random{1};
  KeyPair client_key = make_key_pair(Bytes32{1});
  KeyPair server_key = make_key_pair(Bytes32{2});
  HelloServer server{server_key};
  Offer client_offer, server_offer;
  Endpoint seen = ep("127.0.0.1:700");

  Fixture() {
    server_offer.endpoints = {ep("127.0.0.1:5000"), ep("192.168.1.7:5000"), ep("20.0.0.7:5000")};
    client_offer.endpoints = {ep("127.0.0.1:6000"), ep("192.168.1.8:6000"), ep("20.0.0.8:6000")};
  }
  HelloClient client(bool dial_back = false, Endpoint peer_seen = {}) {
    auto made = HelloClient::make({.identity = client_key,
                                   .peer = server_key.public_key,
                                   .dial_back = dial_back,
                                   .peer_seen = peer_seen},
                                  client_offer, random);
    REQUIRE(made);
    return std::move(*made);
  }
  std::optional<HelloServer::Answer> serve(ByteView message1, Duration at = 0s) {
    return server.handle(after(at), {message1, seen}, server_offer, random);
  }
  // Message 1 of a stock client, whose payload has no trailer.
  Bytes message_of(const HelloPayload& payload) {
    NoiseHandshake::Options options;
    options.pattern = NoiseHandshake::Pattern::ik;
    options.static_key = client_key;
    options.prologue = to_bytes(hello_prologue());
    options.remote_static = server_key.public_key;
    NoiseHandshake handshake(options, random);
    return *handshake.write_message(encode_hello_payload(payload));
  }
};

}  // namespace

TEST_CASE("two of our nodes agree on the keys of a bound stream in one round trip") {
  Fixture f;
  const auto client = f.client();
  const auto served = f.serve(client.message1());
  REQUIRE(served);
  CHECK(served->peer == f.client_key.public_key);
  REQUIRE(served->keys);
  const auto answer = client.read(served->message2);
  REQUIRE(answer);
  CHECK(answer->payload.error == 0);
  CHECK(answer->keys.hash == served->keys->hash);
  CHECK(answer->keys.send_key == served->keys->receive_key);
  CHECK(answer->keys.receive_key == served->keys->send_key);
  CHECK(answer->keys.role == Role::initiator);
  CHECK(served->keys->role == Role::responder);
  CHECK(answer->keys.peer == f.server_key.public_key);
  CHECK(served->keys->peer == f.client_key.public_key);
}

TEST_CASE("cipnodes that both open streams over UDX have one beside TCP, or alone") {
  for (const bool tcp : {true, false}) {
    CAPTURE(tcp);
    Fixture f;
    f.client_offer.tcp = tcp;
    f.client_offer.udx = f.server_offer.udx = true;
    UdxStreams streams(f.random, {.unconnected_per_source = 1, .unconnected_loopback = 1});
    const auto hello = [&](UdxId own_id) {
      auto client = HelloClient::make(
          {.identity = f.client_key, .peer = f.server_key.public_key, .udx = own_id},
          f.client_offer, f.random);
      REQUIRE(client);
      const auto served = f.server.handle(after(0s), {client->message1(), f.seen, false},
                                          f.server_offer, f.random, &streams);
      REQUIRE(served);
      return std::pair(*served, *client->read(served->message2));
    };
    const auto [served, answer] = hello(77);
    REQUIRE(served.keys);
    CHECK_FALSE(served.keys->of_stock);
    CHECK(answer.keys.hash == served.keys->hash);
    REQUIRE(served.udx);
    CHECK(served.udx->remote_id == 77);
    CHECK_FALSE(served.udx->calls);  // of cipnodes the one calls that began
    CHECK(f.client_offer.opens_bound_udx(answer.payload));
    CHECK(f.client_offer.opens_bound_tcp(answer.payload) == tcp);
    CHECK(answer.payload.tcp->endpoints.empty() != tcp);
    // Without room for another end there is TCP, or nothing and the peer is told.
    const auto [full, told] = hello(78);
    CHECK_FALSE(full.udx);
    CHECK(full.keys.has_value() == tcp);
    CHECK_FALSE(f.client_offer.opens_bound_udx(told.payload));
    CHECK((told.payload.error == 0) == tcp);
  }
}

TEST_CASE("who opens no bound stream gets one over UDX, with the keys of the hello") {
  Fixture f;
  f.client_offer.tcp = false;
  UdxStreams streams(f.random);
  const auto hello = [&](bool relayed, std::uint64_t own_id) {
    auto client = HelloClient::make({.identity = f.client_key,
                                     .peer = f.server_key.public_key,
                                     .udx = static_cast<UdxId>(own_id)},
                                    f.client_offer, f.random);
    REQUIRE(client);
    const auto served = f.server.handle(after(0s), {client->message1(), f.seen, relayed},
                                        f.server_offer, f.random, &streams);
    REQUIRE(served);
    return std::pair(*served, *client->read(served->message2));
  };
  const auto [served, answer] = hello(true, 77);
  REQUIRE(served.udx);
  CHECK(served.udx->remote_id == 77);
  CHECK_FALSE(served.udx->calls);  // its first packet shows the path
  CHECK(served.dial_back.empty());
  CHECK(answer.payload.error == 0);
  REQUIRE(answer.payload.udx);
  CHECK(answer.payload.udx->id == served.udx->local_id);
  CHECK(answer.payload.secret_stream);
  REQUIRE(answer.payload.tcp);
  CHECK(answer.payload.tcp->capabilities == f.server_offer.capabilities());
  CHECK(answer.payload.tcp->endpoints.empty());
  REQUIRE(served.keys);
  CHECK(answer.stock_keys.hash == served.keys->hash);
  CHECK(answer.stock_keys.send_key == served.keys->receive_key);
  CHECK(answer.keys.hash != served.keys->hash);
  CHECK(streams.status(served.udx->local_id));

  CHECK(hello(false, 78).first.udx->calls);  // it came directly
  f.client_offer.public_udp = ep("20.0.0.7:1");
  CHECK(hello(true, 79).first.udx->calls);  // it says that it is open
  const auto [without, refused] = hello(true, 0);
  CHECK_FALSE(without.udx);
  CHECK(refused.payload.error == static_cast<std::uint64_t>(dht::HelloError::aborted));
}

TEST_CASE(
    "a stock hello leads to one stream, none without room for it, and none where UDX is off") {
  Fixture f;
  UdxStreams streams(f.random, {.unconnected_loopback = 1});
  HelloPayload stock;
  stock.udx = UdxInfo{.reusable_socket = false, .id = 77, .seq = 0};
  stock.secret_stream = true;
  const auto serve = [&](ByteView message1, UdxStreams* udx) {
    return f.server.handle(after(0s), {message1, f.seen, true}, f.server_offer, f.random, udx);
  };
  const auto first = f.message_of(stock);
  CHECK(serve(first, &streams)->udx);
  CHECK_FALSE(serve(first, &streams)->udx);  // repeated: the same bytes
  const auto second = serve(f.message_of(stock), &streams);
  REQUIRE(second);
  CHECK_FALSE(second->udx);
  CHECK_FALSE(second->keys);
  CHECK_FALSE(serve(f.message_of(stock), nullptr)->udx);
  UdxStreams fresh(f.random);
  stock.udx->id = std::uint64_t{1} << 32;  // no id that a packet can carry
  CHECK_FALSE(serve(f.message_of(stock), &fresh)->udx);
}

TEST_CASE("the server offers the endpoints that mean something to where the client was seen") {
  const auto offered_to = [](const char* seen) {
    Fixture f;
    f.seen = ep(seen);
    const auto client = f.client();
    return client.read(f.serve(client.message1())->message2)->payload.tcp->endpoints;
  };
  CHECK(offered_to("127.0.0.1:1") == std::vector{ep("127.0.0.1:5000"), ep("20.0.0.7:5000")});
  CHECK(offered_to("192.168.1.9:1") == std::vector{ep("192.168.1.7:5000"), ep("20.0.0.7:5000")});
  CHECK(offered_to("30.0.0.1:1") == std::vector{ep("20.0.0.7:5000")});
}

TEST_CASE("the client's first message names no endpoint and no udx") {
  Fixture f;
  const auto client = f.client();
  NoiseHandshake::Options options;
  options.pattern = NoiseHandshake::Pattern::ik;
  options.role = Role::responder;
  options.static_key = f.server_key;
  options.prologue = to_bytes(hello_prologue());
  NoiseHandshake handshake(options, f.random);
  const auto payload = decode_hello_payload(*handshake.read_message(client.message1()));
  REQUIRE(payload);
  CHECK_FALSE(payload->udx);
  CHECK(payload->error == 0);
  REQUIRE(payload->tcp);
  CHECK(payload->tcp->has(kCapabilityBoundTcp));
  CHECK(payload->tcp->endpoints.empty());
}

TEST_CASE("a repeated message 1 gets the same message 2 for 10 s") {
  Fixture f;
  const auto client = f.client();
  const auto first = f.serve(client.message1());
  const auto again = f.serve(client.message1(), 9s);
  REQUIRE(again);
  CHECK(again->repeated);
  CHECK(again->message2 == first->message2);
  CHECK_FALSE(again->keys);
  CHECK_FALSE(f.serve(client.message1(), 11s));
}

TEST_CASE("a message 1 that was answered once is refused when it comes back later") {
  Fixture f;
  const auto message1 = f.client().message1();
  REQUIRE(f.serve(message1));
  CHECK(f.serve(message1, 9s)->repeated);
  for (const Duration later : {Duration(11s), Duration(59min), Duration(61min)}) {
    CHECK_FALSE(f.serve(message1, later));
  }
  CHECK(f.server.stats().replayed == 3);
  CHECK(f.serve(f.client().message1(), 62min));  // others are answered
  // Two generations of an hour later it is forgotten; without the memory it always was.
  Fixture open;
  open.server.refuse_replays(false);
  REQUIRE(open.serve(message1));
  const auto replayed = open.serve(message1, 11s);
  REQUIRE(replayed);
  CHECK_FALSE(replayed->repeated);
  CHECK(replayed->keys);  // state for a peer who is not there
}

TEST_CASE("what does not decrypt is not remembered") {
  Fixture f;
  auto message1 = f.client().message1();
  const auto good = message1;
  message1.back() ^= 1;
  CHECK_FALSE(f.serve(message1));
  CHECK(f.serve(good, 11s));
  CHECK(f.server.stats().replayed == 0);
}

TEST_CASE("a stock client without a trailer is told error 1, and gets no stream") {
  Fixture f;
  HelloPayload stock;
  stock.udx = UdxInfo{.reusable_socket = false, .id = 7, .seq = 0};
  stock.secret_stream = true;
  const auto served = f.serve(f.message_of(stock));
  REQUIRE(served);
  CHECK_FALSE(served->keys);
}

TEST_CASE("the answer to a stock client is the one recorded for a refusal") {
  const auto refusal = load_vectors("dht/noise-payload.json", "payloads");
  HelloPayload error1;
  error1.error = static_cast<std::uint64_t>(dht::HelloError::aborted);
  bool found = false;
  for (const auto& vector : refusal) {
    if (vector["what"] != "refusal") continue;
    found = true;
    CHECK(encode_hello_payload(error1) == hex(vector["hex"]));
  }
  CHECK(found);
}

TEST_CASE("a payload of another version is answered with error 2") {
  Fixture f;
  HelloPayload other;
  other.version = 3;
  CHECK(f.serve(f.message_of(other)));
}

TEST_CASE("a recorded client message is answered") {
  const auto vector = load_vectors("dht/noise-ik.json", "transcripts")[0];
  SeededRandom random(1);
  HelloServer server(make_key_pair(hex32(vector["server"]["seed"])));
  const auto served =
      server.handle(after(0s), {hex(vector["message1"]), ep("127.0.0.1:1")}, {}, random);
  REQUIRE(served);
  CHECK(served->peer == hex32(vector["client"]["publicKey"]));
  CHECK_FALSE(served->keys);
}

TEST_CASE("messages that do not decrypt get silence and are counted") {
  Fixture f;
  auto message = f.client().message1();
  message[60] ^= 1;
  CHECK_FALSE(f.serve(message));
  CHECK_FALSE(f.serve(Bytes(200, 7)));
  CHECK_FALSE(f.serve(Bytes{}));
  CHECK(f.server.stats().ignored == 3);
}

TEST_CASE(
    "behind a NAT a server names its places there to who is behind it as well, and to nobody "
    "else") {
  Fixture f;
  f.client_offer.udx = f.server_offer.udx = true;
  f.server_offer.endpoints = {ep("127.0.0.1:5000"), ep("192.168.1.7:5000")};
  f.server_offer.public_ip = ep("20.0.0.9:1").ip;
  const auto told = [&](const char* seen) {
    f.seen = ep(seen);
    const auto client = f.client();
    const auto served = f.serve(client.message1());
    REQUIRE(served);
    return client.read(served->message2)->payload.addresses4;
  };
  CHECK(told("20.0.0.9:700") == std::vector{ep("192.168.1.7:5000")});
  CHECK(told("20.0.0.8:700").empty());
  // Where everybody gets in, everybody is told of that place.
  f.server_offer.public_udp = ep("20.0.0.9:5000");
  CHECK(told("20.0.0.9:700") == std::vector{ep("20.0.0.9:5000")});
}

TEST_CASE("denied keys, and keys that are not on the list, get silence") {
  Fixture f;
  SUBCASE("denied") { f.server.deny(f.client_key.public_key); }
  SUBCASE("not on the list") { f.server.allow_only(std::set<PublicKey>{PublicKey{5}}); }
  CHECK_FALSE(f.serve(f.client().message1()));
  CHECK(f.server.stats().denied == 1);
}

TEST_CASE("a key on the list is answered") {
  Fixture f;
  f.server.allow_only(std::set<PublicKey>{f.client_key.public_key});
  CHECK(f.serve(f.client().message1()));
}

TEST_CASE("strangers get a bounded share of the processor") {
  Fixture f;
  for (std::size_t size = 1; size <= 450; ++size) CHECK_FALSE(f.serve(Bytes(size)));
  CHECK(f.server.stats().ignored == 400);
  CHECK(f.server.stats().throttled == 50);
  CHECK(f.serve(f.client().message1(), 100ms));
}

TEST_CASE("a client asks to be dialled by naming endpoints, and only its own address is dialled") {
  Fixture f;
  SUBCASE("of a peer seen on loopback") {
    const auto served = f.serve(f.client(true, ep("127.0.0.1:1")).message1());
    CHECK(served->dial_back == std::vector{ep("127.0.0.1:6000")});
  }
  SUBCASE("of a peer never seen") {
    f.seen = ep("20.0.0.8:1");
    const auto served = f.serve(f.client(true).message1());
    CHECK(served->dial_back == std::vector{ep("20.0.0.8:6000")});
  }
  SUBCASE("of a server that does not dial") {
    f.server_offer.accepts_dial_back = false;
    CHECK(f.serve(f.client(true, ep("127.0.0.1:1")).message1())->dial_back.empty());
  }
  SUBCASE("without asking") { CHECK(f.serve(f.client().message1())->dial_back.empty()); }
}

TEST_CASE("a forged answer does not spoil the true one") {
  Fixture f;
  const auto client = f.client();
  auto message2 = f.serve(client.message1())->message2;
  auto forged = message2;
  forged[40] ^= 1;
  CHECK_FALSE(client.read(forged));
  CHECK_FALSE(client.read(Bytes(10)));
  CHECK(client.read(message2));
}

TEST_CASE("a key that is no point cannot be greeted") {
  Fixture f;
  PublicKey bad;
  bad.fill(0xff);
  CHECK_FALSE(HelloClient::make({.identity = f.client_key, .peer = bad}, {}, f.random));
}
