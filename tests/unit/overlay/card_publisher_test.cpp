#include "overlay/card_publisher.hpp"

#include <doctest/doctest.h>

#include "overlay/card_reader.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace cip::test;
using namespace std::chrono_literals;

namespace {

constexpr Endpoint kPublic{0xcb007109, 49737};
constexpr Endpoint kOther{0xcb00710a, 49737};

// Three nodes; the second one has a card, the third reads it.
struct Fixture {
  TestNetwork net;
  KeyPair key = make_key_pair(Bytes32{1});
  std::unique_ptr<CardPublisher> owner;
  std::unique_ptr<CardReader> reader;
  std::vector<CardEvent> events;
  std::size_t owner_seen = 0;
  std::size_t reader_seen = 0;

  Fixture() {
    net.add_many(3);
    owner = std::make_unique<CardPublisher>(net.node(1), key, net.random());
    reader = std::make_unique<CardReader>(net.node(2));
    run(1s);
  }
  void hand_over() {
    for (const auto& all = net.host(1).events; owner_seen < all.size(); ++owner_seen) {
      const auto event = all[owner_seen];
      net.act(1, [&](dht::Node&) { owner->handle_event(net.now(), event); });
    }
    for (const auto& all = net.host(2).events; reader_seen < all.size(); ++reader_seen) {
      reader->handle_event(net.now(), all[reader_seen]);
    }
    while (auto event = owner->poll_event()) events.push_back(std::move(*event));
  }
  void run(Duration time) {
    const auto until = net.now().mono + time;
    hand_over();
    while (net.now().mono < until) {
      // A query that ends may lead to the next one.
      const Duration longest = net.node(1).queries_running() > 0 ? 10ms : 10s;
      const auto next = std::min(owner->next_timeout().value_or(until), until);
      net.run(std::clamp<Duration>(next - net.now().mono, 1ms, longest));
      hand_over();
      net.act(1, [&](dht::Node&) { owner->handle_timeout(net.now()); });
    }
  }
  std::vector<CardStored> stored() const {
    std::vector<CardStored> out;
    for (const auto& event : events) {
      if (const auto* match = std::get_if<CardStored>(&event)) out.push_back(*match);
    }
    return out;
  }
  CardRead read() {
    const auto id = net.act(2, [&](dht::Node&) { return reader->read(net.now(), key.public_key); });
    REQUIRE(net.wait_done(2, id) != nullptr);
    hand_over();
    const auto out = reader->poll_event();
    REQUIRE(out);
    CHECK(out->id == id);
    return *out;
  }
  void put_foreign(std::uint64_t seq, Bytes value) {
    const auto id =
        net.act(0, [&](dht::Node& node) { return *node.put_mutable(net.now(), key, seq, value); });
    REQUIRE(net.wait_done(0, id) != nullptr);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a card is off until it is switched on") {
  run(5h);
  CHECK(stored().empty());
  CHECK_FALSE(read().card);
  CHECK_FALSE(owner->next_timeout());
}

TEST_CASE_FIXTURE(Fixture, "a card names the public endpoints and runs out in six hours") {
  owner->publish(net.now(), {{0x7f000001, 1}, kPublic, {0xc0a80001, 2}});
  run(2s);
  REQUIRE(stored().size() == 1);
  CHECK(stored()[0].holders > 0);
  const auto found = read();
  REQUIRE(found.card);
  CHECK(found.candidates == std::vector<Candidate>{tcp_candidate(kPublic)});
  CHECK(found.card->tcp.endpoints == std::vector<Endpoint>{kPublic});
  CHECK(found.card->expiry <= net.now().wall.value / 1000 + 6 * 3600);
  CHECK(found.card->expiry > net.now().wall.value / 1000 + 6 * 3600 - 60);
}

TEST_CASE_FIXTURE(Fixture, "it is put again with a later expiry as long as the node runs") {
  owner->publish(net.now(), {kPublic});
  run(2s);
  REQUIRE(stored().size() == 1);
  run(7h);
  CHECK(stored().size() == 4);
  CHECK(stored().back().card.expiry > stored().front().card.expiry + 5 * 3600);
  CHECK(read().card);
}

TEST_CASE_FIXTURE(Fixture, "a card that nobody puts again counts no more after its expiry") {
  owner->publish(net.now(), {kPublic});
  run(2s);
  REQUIRE(read().card);
  owner = std::make_unique<CardPublisher>(net.node(1), key, net.random());
  run(7h);
  CHECK_FALSE(read().card);
}

TEST_CASE_FIXTURE(Fixture, "without public endpoints nothing is stored") {
  owner->publish(net.now(), {{0x7f000001, 1}, {0x0a000001, 2}});
  run(5h);
  CHECK(stored().empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "changed endpoints are stored, at most once a minute; the same are not") {
  owner->publish(net.now(), {kPublic});
  run(2s);
  owner->publish(net.now(), {kPublic});
  run(5min);
  REQUIRE(stored().size() == 1);
  owner->publish(net.now(), {kOther});
  run(2s);
  CHECK(read().candidates == std::vector<Candidate>{tcp_candidate(kOther)});
  owner->publish(net.now(), {kPublic});
  run(30s);
  CHECK(stored().size() == 2);
  run(40s);
  CHECK(stored().size() == 3);
  CHECK(read().candidates == std::vector<Candidate>{tcp_candidate(kPublic)});
}

TEST_CASE_FIXTURE(Fixture, "a value of another application is not overwritten") {
  put_foreign(1, Bytes{'h', 'i'});
  owner->publish(net.now(), {kPublic});
  run(5h);
  CHECK(stored().empty());
  CHECK(std::holds_alternative<CardForeign>(events.at(0)));
  const auto id =
      net.act(2, [&](dht::Node& node) { return node.get_mutable(net.now(), key.public_key, 0); });
  REQUIRE(net.wait_done(2, id) != nullptr);
  const auto replies = net.events_of<dht::QueryReply>(2);
  REQUIRE_FALSE(replies.empty());
  for (const auto& reply : replies) {
    CHECK(dht::decode_mutable_value(reply.value)->value == Bytes{'h', 'i'});
  }
  // Nor when the card is taken back.
  owner->withdraw(net.now());
  run(5h);
  CHECK(stored().empty());
  CHECK_FALSE(owner->next_timeout());
}

TEST_CASE_FIXTURE(Fixture, "taking it back stores once a card that leads nowhere") {
  owner->publish(net.now(), {kPublic});
  run(2s);
  // The next run of the node, without the switch.
  owner = std::make_unique<CardPublisher>(net.node(1), key, net.random());
  owner_seen = 0;
  owner->withdraw(net.now());
  run(10s);
  REQUIRE(stored().size() == 2);
  CHECK(stored()[1].card.tcp.endpoints.empty());
  CHECK_FALSE(stored()[1].card.is_current(net.now()));
  CHECK_FALSE(read().card);
  run(10h);
  CHECK(stored().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a clock that was set back does not keep the card from being replaced") {
  ContactCard old;
  old.tcp.endpoints = {kOther};
  old.expiry = net.now().wall.value / 1000 + 3600;
  put_foreign(net.now().wall.value + 1'000'000'000, encode_contact_card(old));
  owner->publish(net.now(), {kPublic});
  run(2s);
  CHECK(read().candidates == std::vector<Candidate>{tcp_candidate(kPublic)});
}

TEST_CASE_FIXTURE(Fixture, "a network that does not answer is asked again every minute") {
  net.kill(0);
  net.kill(2);
  owner->publish(net.now(), {kPublic});
  run(90s);
  CHECK(stored().empty());
  net.revive(0);
  net.revive(2);
  run(3min);
  CHECK(stored().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "of a card that names private endpoints none is dialled") {
  ContactCard card;
  card.tcp.endpoints = {{0x7f000001, 1}, {0x0a000001, 2}, kPublic};
  card.expiry = net.now().wall.value / 1000 + 3600;
  put_foreign(1, encode_contact_card(card));
  CHECK(read().candidates == std::vector<Candidate>{tcp_candidate(kPublic)});
}
