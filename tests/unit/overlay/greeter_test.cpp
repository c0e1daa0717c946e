#include "overlay/greeter.hpp"

#include <doctest/doctest.h>

#include "dht/errors.hpp"
#include "dht/payloads.hpp"
#include "tests/unit/dht/test_network.hpp"
#include "tests/unit/overlay/stream_pair.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;
using test::StreamEnd;

namespace {

// A network where some hosts have a greeter.
struct GreeterNetwork {
  test::TestNetwork net;
  struct Participant {
    std::size_t host;
    KeyPair key;
    std::unique_ptr<Greeter> greeter;
    std::size_t events_seen = 0;
    std::vector<GreeterEvent> events;
  };
  std::vector<Participant> participants;

  explicit GreeterNetwork(std::size_t others = 6) { net.add_many(others); }

  // A new host that knows the first one; in nobody's table, so that hellos to it need a relay.
  std::size_t join() {
    const Endpoint server{0x7f000001, static_cast<std::uint16_t>(20000 + net.size())};
    dht::NodeOptions options;
    options.bootstrap = {net.host(0).server};
    options.mode = dht::NodeOptions::Mode::ephemeral;
    return add(net.add(server, options));
  }
  std::size_t add(std::size_t host) {
    const auto index = participants.size();
    Participant one{host, make_key_pair(Bytes32{static_cast<std::uint8_t>(index + 1)}), {}, 0, {}};
    one.greeter = std::make_unique<Greeter>(net.node(host), one.key, net.random());
    Offer offer;
    offer.endpoints = {{net.host(host).server.ip, static_cast<std::uint16_t>(30000 + index)}};
    one.greeter->set_offer(offer);
    participants.push_back(std::move(one));
    run(2s);
    return index;
  }
  Greeter& greeter(std::size_t i) { return *participants[i].greeter; }
  const PublicKey& key(std::size_t i) { return participants[i].key.public_key; }
  Endpoint server(std::size_t i) { return net.host(participants[i].host).server; }

  // Listens, and is announced at the nodes closest to its key.
  void serve(std::size_t i) {
    auto& one = participants[i];
    one.greeter->listen();
    const auto query = net.act(one.host, [&](dht::Node& node) {
      return node.announce(net.now(), hash(one.key.public_key), one.key, {},
                           {.start = {}, .background = false, .replicas = 3});
    });
    const auto* done = net.wait_done(one.host, query);
    REQUIRE(done != nullptr);
    REQUIRE_FALSE(done->error);
    run(100ms);
  }
  HelloId greet(std::size_t i, const PublicKey& peer, GreetOptions options = {}) {
    return net.act(participants[i].host, [&](dht::Node&) {
      return greeter(i).greet(net.now(), peer, std::move(options));
    });
  }
  void run(Duration time) {
    for (auto left = time; left > 0ms; left -= 1ms) {
      net.run(1ms);
      for (auto& one : participants) pump(one);
    }
  }
  void pump(Participant& one) {
    auto& seen = net.host(one.host).events;
    for (; one.events_seen < seen.size(); ++one.events_seen) {
      const auto event = seen[one.events_seen];
      net.act(one.host, [&](dht::Node&) { one.greeter->handle_event(net.now(), event); });
    }
    if (const auto due = one.greeter->next_timeout(); due && *due <= net.now().mono) {
      one.greeter->handle_timeout(net.now());
    }
    while (auto event = one.greeter->poll_event()) one.events.push_back(std::move(*event));
  }
  template <typename E>
  std::vector<E> events_of(std::size_t i) const {
    std::vector<E> out;
    for (const auto& event : participants[i].events) {
      if (const auto* it = std::get_if<E>(&event)) out.push_back(*it);
    }
    return out;
  }
};

}  // namespace

TEST_CASE("a peer that was never heard of is greeted through relays") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  const auto id = f.greet(client, f.key(server));
  f.run(5s);

  const auto done = f.events_of<HelloDone>(client);
  REQUIRE(done.size() == 1);
  CHECK(done[0].id == id);
  CHECK(done[0].peer == f.key(server));
  CHECK(done[0].kind == PeerKind::cipnode);
  CHECK(done[0].candidates == tcp_candidates(f.greeter(server).offer().endpoints));
  CHECK(done[0].server == f.server(server));
  CHECK(done[0].own_address == f.server(client));
  CHECK_FALSE(done[0].direct);
  CHECK(done[0].via != f.server(server));
  CHECK_FALSE(done[0].relays.empty());
  CHECK(f.events_of<WalkDone>(client).size() == 1);
  CHECK(f.events_of<HelloFailed>(client).empty());

  const auto answered = f.events_of<HelloAnswered>(server);
  REQUIRE(answered.size() == 1);
  CHECK(answered[0].peer == f.key(client));
  CHECK(answered[0].seen == f.server(client));
  CHECK(f.greeter(client).greetings_running() == 0);
}

TEST_CASE("the keys of a hello open a bound stream, once the server knows its id") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  f.greet(client, f.key(server));
  f.run(3s);
  const auto done = f.events_of<HelloDone>(client).at(0);
  const auto answered = f.events_of<HelloAnswered>(server).at(0);

  StreamEnd dialler(SecretStream::dial_bound(f.net.now(), done.id, done.keys, f.net.random()));
  StreamEnd listener(SecretStream::accept(f.net.now(), f.participants[server].key,
                                          f.greeter(server), f.net.random()));
  test::exchange(dialler, listener, f.net.random());
  dialler.stream.choose(f.net.now());
  test::exchange(dialler, listener, f.net.random());
  CHECK(dialler.opened == 1);
  CHECK(listener.opened == 1);
  CHECK(listener.stream.hello() == answered.id);
  CHECK(listener.stream.remote_key() == f.key(client));
  CHECK(dialler.stream.remote_key() == f.key(server));

  f.greeter(server).forget(f.net.now(), answered.id);
  CHECK(f.greeter(server).pending_count() == 0);
}

TEST_CASE("a pending hello is forgotten after 10 s") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  f.greet(client, f.key(server));
  f.run(2s);
  CHECK(f.greeter(server).pending_count() == 1);
  f.run(10s);
  CHECK(f.greeter(server).pending_count() == 0);
}

TEST_CASE("a peer whose address is known answers directly, without a walk") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.greeter(server).listen();
  f.greet(client, f.key(server), {.relays = {f.server(server)}, .walk = false});
  f.run(1s);
  const auto done = f.events_of<HelloDone>(client);
  REQUIRE(done.size() == 1);
  CHECK(done[0].direct);
  CHECK(done[0].server == f.server(server));
  CHECK(f.events_of<WalkDone>(client).empty());
}

TEST_CASE("a key that nobody announces is told from a network that does not answer") {
  GreeterNetwork f;
  const auto client = f.join();
  const auto unknown = make_key_pair(Bytes32{99}).public_key;
  f.greet(client, unknown);
  f.run(10s);
  auto failed = f.events_of<HelloFailed>(client);
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].error == overlay::Errc::nobody_announces);
  CHECK(f.events_of<WalkDone>(client).size() == 1);

  for (std::size_t i = 0; i < f.net.size(); ++i) {
    if (i != f.participants[client].host) f.net.kill(i);
  }
  f.greet(client, unknown);
  f.run(60s);
  failed = f.events_of<HelloFailed>(client);
  REQUIRE(failed.size() == 2);
  CHECK(failed[1].error == overlay::Errc::no_node_answered);
}

TEST_CASE("a peer that was just killed does not answer") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  f.net.kill(f.participants[server].host);
  f.greet(client, f.key(server));
  f.run(60s);
  const auto failed = f.events_of<HelloFailed>(client);
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].error == overlay::Errc::no_hello_answer);
  CHECK_FALSE(failed[0].relays.empty());
  CHECK(f.greeter(client).greetings_running() == 0);
}

TEST_CASE("a peer that does not want the client is silent") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  f.greeter(server).deny(f.key(client));
  f.greet(client, f.key(server));
  f.run(60s);
  REQUIRE(f.events_of<HelloFailed>(client).size() == 1);
  CHECK(f.events_of<HelloFailed>(client)[0].error == overlay::Errc::no_hello_answer);
  CHECK(f.events_of<HelloAnswered>(server).empty());
  CHECK(f.greeter(server).stats().denied >= 1);
}

TEST_CASE("at most two relays are asked at once, and each hears the same message 1") {
  GreeterNetwork f(12);
  const auto server = f.join(), client = f.join();
  f.serve(server);
  f.net.kill(f.participants[server].host);
  std::set<Endpoint> asked;
  std::set<Bytes> messages;
  std::size_t before_first_failure = 0;
  f.net.filter = [&](const test::TestNetwork::Packet& packet) {
    const auto* request = std::get_if<dht::Request>(&packet.message);
    if (request == nullptr || packet.from != f.server(client) || request->internal ||
        request->command != static_cast<std::uint64_t>(dht::Command::peer_handshake)) {
      return true;
    }
    asked.insert(packet.to);
    messages.insert(dht::decode_handshake(*request->value)->noise);
    return true;
  };
  f.greet(client, f.key(server));
  f.run(500ms);
  before_first_failure = asked.size();
  f.run(60s);
  CHECK(before_first_failure == 2);
  CHECK(asked.size() == 3);
  CHECK(messages.size() == 1);
}

TEST_CASE("a lost answer is repeated byte by byte") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  int lost = 0;
  std::set<Bytes> answers;
  f.net.filter = [&](const test::TestNetwork::Packet& packet) {
    if (packet.from != f.server(server)) return true;
    const auto* request = std::get_if<dht::Request>(&packet.message);
    if (request == nullptr || request->internal || request->command != 0) return true;
    answers.insert(dht::decode_handshake(*request->value)->noise);
    return ++lost > 3;
  };
  f.greet(client, f.key(server));
  f.run(20s);
  CHECK(f.events_of<HelloDone>(client).size() == 1);
  CHECK(answers.size() == 1);
  CHECK(f.greeter(server).stats().repeated >= 1);
  CHECK(f.events_of<HelloAnswered>(server).size() == 1);
}

TEST_CASE("a server without the trailer is a stock peer: found, but no stream") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  // Plays a stock server: error 1, since message 1 has no udx.
  SeededRandom random(5);
  const auto handle = [&](const dht::HelloReceived& hello) {
    NoiseHandshake::Options options;
    options.pattern = NoiseHandshake::Pattern::ik;
    options.role = Role::responder;
    options.static_key = f.participants[server].key;
    options.prologue = to_bytes(hello_prologue());
    NoiseHandshake handshake(options, random);
    REQUIRE(handshake.read_message(hello.noise));
    HelloPayload payload;
    payload.error = 1;
    return *handshake.write_message(encode_hello_payload(payload));
  };
  f.greeter(server).deny(f.key(client));  // our own answer stays away
  f.greet(client, f.key(server));
  const auto* hello = f.net.wait_for<dht::HelloReceived>(f.participants[server].host,
                                                         [](const auto&) { return true; });
  if (hello == nullptr) {
    f.run(1s);
    hello = f.net.wait_for<dht::HelloReceived>(f.participants[server].host,
                                               [](const auto&) { return true; });
  }
  REQUIRE(hello != nullptr);
  const auto copy = *hello;
  f.net.act(f.participants[server].host,
            [&](dht::Node& node) { node.answer_hello(f.net.now(), copy.ticket, handle(copy)); });
  f.run(5s);
  const auto done = f.events_of<HelloDone>(client);
  REQUIRE(done.size() == 1);
  CHECK(done[0].kind == PeerKind::stock);
  CHECK(done[0].candidates.empty());
}

TEST_CASE("a server is asked to dial, and does so only where the client was seen") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  f.greet(client, f.key(server), {.dial_back = true, .peer_seen = f.server(server)});
  f.run(5s);
  const auto done = f.events_of<HelloDone>(client);
  REQUIRE(done.size() == 1);
  CHECK(done[0].dial_back_asked);
  const auto asked = f.events_of<DialBackRequested>(server);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].candidates == tcp_candidates(f.greeter(client).offer().endpoints));
  CHECK(asked[0].keys.role == Role::responder);
  CHECK(f.greeter(client).pending_count() == 1);

  StreamEnd dialler(
      SecretStream::dial_bound(f.net.now(), asked[0].id, asked[0].keys, f.net.random()));
  StreamEnd listener(SecretStream::accept(f.net.now(), f.participants[client].key,
                                          f.greeter(client), f.net.random()));
  test::exchange(dialler, listener, f.net.random());
  listener.stream.choose(f.net.now());
  test::exchange(dialler, listener, f.net.random());
  CHECK(dialler.opened == 1);
  CHECK(listener.opened == 1);
  CHECK(listener.stream.hello() == done[0].id);
}

TEST_CASE("dials back to one address are limited, whoever asks") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.greeter(server).listen();
  for (int i = 0; i < 10; ++i) {
    f.greet(client, f.key(server),
            {.relays = {f.server(server)},
             .walk = false,
             .dial_back = true,
             .peer_seen = f.server(server)});
    f.run(100ms);
  }
  CHECK(f.events_of<HelloDone>(client).size() == 10);
  CHECK(f.events_of<DialBackRequested>(server).size() == 8);
  CHECK(f.greeter(server).stats().dials_refused == 2);
}

TEST_CASE("a cancelled hello fails at once and leaves nothing behind") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  const auto id = f.greet(client, f.key(server));
  f.net.act(f.participants[client].host,
            [&](dht::Node&) { f.greeter(client).cancel(f.net.now(), id); });
  f.run(5s);
  REQUIRE(f.events_of<HelloFailed>(client).size() == 1);
  CHECK(f.events_of<HelloFailed>(client)[0].error == overlay::Errc::cancelled);
  CHECK(f.events_of<HelloDone>(client).empty());
  CHECK(f.greeter(client).greetings_running() == 0);
}

TEST_CASE("the walk goes on to its end when that is wanted") {
  GreeterNetwork f;
  const auto server = f.join(), client = f.join();
  f.serve(server);
  f.greet(client, f.key(server), {.finish_walk = true});
  f.run(20s);
  CHECK(f.events_of<HelloDone>(client).size() == 1);
  const auto walks = f.events_of<WalkDone>(client);
  REQUIRE(walks.size() == 1);
  CHECK_FALSE(walks[0].walk.error);
  CHECK(walks[0].walk.answers > 0);
  CHECK(f.greeter(client).greetings_running() == 0);
}

TEST_CASE("a key that is no point fails without a word to anybody") {
  GreeterNetwork f;
  const auto client = f.join();
  PublicKey bad;
  bad.fill(0xff);
  f.greet(client, bad);
  f.run(10ms);
  REQUIRE(f.events_of<HelloFailed>(client).size() == 1);
  CHECK(f.events_of<HelloFailed>(client)[0].error == overlay::StreamErrc::bad_point);
}

TEST_CASE("hellos for other keys are not the greeter's") {
  GreeterNetwork f;
  const auto client = f.join();
  dht::HelloReceived hello;
  hello.ticket.target = Bytes32{7};
  CHECK_FALSE(f.greeter(client).handle_event(f.net.now(), hello));
  CHECK_FALSE(f.greeter(client).handle_event(f.net.now(), dht::Ready{}));
  CHECK_FALSE(f.greeter(client).handle_event(f.net.now(), dht::QueryDone{}));
}
