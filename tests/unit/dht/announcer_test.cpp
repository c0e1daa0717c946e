#include "dht/announcer.hpp"

#include <doctest/doctest.h>

#include <set>

#include "dht/payloads.hpp"
#include "dht/record_cache.hpp"
#include "dht/signatures.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

// Runs a network in which one node has an announcer.
struct Fixture {
  TestNetwork net;
  std::size_t at = 0;
  std::unique_ptr<Announcer> announcer;
  std::size_t handled = 0;  // events of that node

  void begin(std::size_t nodes, std::size_t announcing) {
    net.add_many(nodes);
    at = announcing;
    announcer = std::make_unique<Announcer>(net.node(at), net.random());
    run(seconds(2));
  }

  template <typename F>
  void act(F&& action) {
    net.act(at, [&](Node&) { action(*announcer); });
    settle();
  }

  void settle() {
    while (handled < net.host(at).events.size()) {
      const auto event = net.host(at).events[handled++];
      net.act(at, [&](Node&) { announcer->handle_event(net.now(), event); });
    }
  }

  void run(Duration duration) {
    const auto until = net.now().mono + duration;
    while (net.now().mono < until) {
      net.run(std::chrono::milliseconds(20));
      const auto due = announcer->next_timeout();
      if (due && *due <= net.now().mono) act([&](Announcer& a) { a.handle_timeout(net.now()); });
      settle();
    }
  }

  bool finds(std::size_t seeker, const Target& target) {
    const auto query =
        net.act(seeker, [&](Node& node) { return node.find_peer(net.now(), target); });
    REQUIRE(net.wait_done(seeker, query) != nullptr);
    settle();
    for (const auto& reply : net.events_of<QueryReply>(seeker)) {
      if (reply.query == query) return true;
    }
    return false;
  }

  // Whether a hello for `target` comes up at the node.
  bool takes_hellos(std::size_t node, const Target& target) {
    const auto before = net.events_of<HelloReceived>(node).size();
    net.act(node + 1, [&](Node& other) {
      return other.send_hello(net.now(), net.host(node).server, target, Bytes(1));
    });
    run(std::chrono::milliseconds(200));
    return net.events_of<HelloReceived>(node).size() > before;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "the own key is announced at three relays, and stays with its listener") {
  begin(20, 5);
  const auto key = key_pair(1);
  const auto target = target_of_key(key.public_key);
  act([&](Announcer& a) { a.announce_key(net.now(), key); });
  run(seconds(2));
  REQUIRE(announcer->relays().size() == 3);
  CHECK(announcer->relays()[0].own_address == net.host(5).server);
  CHECK(announcer->relay_addresses().size() == 3);
  CHECK(announcer->holders(target) >= 3);
  CHECK(takes_hellos(5, target));
  CHECK(finds(17, target));
  run(minutes(40));  // longer than any record lives
  CHECK(finds(18, target));
}

TEST_CASE_FIXTURE(Fixture, "a relay that dies is replaced within seconds") {
  begin(20, 5);
  const auto key = key_pair(1);
  act([&](Announcer& a) { a.announce_key(net.now(), key); });
  run(seconds(12));
  REQUIRE(announcer->relays().size() == 3);
  const auto victim = announcer->relays()[0].relay;
  net.kill(victim.port - 10'001u);
  run(seconds(15));
  std::set<Endpoint> relays;
  for (const auto& relay : announcer->relays()) relays.insert(relay.relay);
  CHECK(relays.size() == 3);
  CHECK_FALSE(relays.contains(victim));
}

TEST_CASE_FIXTURE(Fixture, "in an overlay of one the key is announced as soon as somebody comes") {
  begin(1, 0);
  const auto key = key_pair(1);
  const auto target = target_of_key(key.public_key);
  act([&](Announcer& a) { a.announce_key(net.now(), key); });
  run(seconds(5));
  CHECK(announcer->relays().empty());
  CHECK(finds(0, target));
  net.add_many(3);
  run(seconds(10));
  CHECK(announcer->relays().size() == 3);
  CHECK(finds(2, target));
}

TEST_CASE_FIXTURE(Fixture, "in a network that grows, the announce moves to the closest nodes") {
  begin(3, 1);
  const auto key = key_pair(2);
  const auto topic = target_of(9);
  act([&](Announcer& a) { a.announce(net.now(), topic, key); });
  run(seconds(1));
  CHECK(announcer->holders(topic) == 3);  // two others, and this node itself
  net.add_many(37);
  run(seconds(90));
  CHECK(announcer->holders(topic) >= 19);
  std::size_t holding = 0;
  for (const auto endpoint : true_closest(net, topic, 20)) {
    if (net.node(endpoint.port - 10'001u).records().counts().records > 0) ++holding;
  }
  CHECK(holding >= 19);
}

TEST_CASE_FIXTURE(Fixture, "at most two announces are begun per second, after a burst") {
  begin(10, 3);
  const auto queries = net.node(3).stats().queries;
  const auto start = net.now();
  act([&](Announcer& a) {
    for (std::uint8_t n = 0; n < 60; ++n) a.announce(net.now(), target_of(n), key_pair(1));
  });
  run(seconds(10));
  CHECK(net.node(3).stats().queries - queries <= 22 + Announcer::kBurst);
  CHECK(announcer->lag(net.now()) >= net.now().mono - start.mono - seconds(1));
  run(seconds(11));
  std::size_t done = 0;
  for (std::uint8_t n = 0; n < 60; ++n)
    done += announcer->holders(target_of(n)).has_value() ? 1 : 0;
  CHECK(done >= 46);
}

TEST_CASE_FIXTURE(Fixture, "what was just made is announced at once, though much is waiting") {
  begin(10, 3);
  act([&](Announcer& a) {
    for (std::uint8_t n = 0; n < 40; ++n) a.announce(net.now(), target_of(n), key_pair(1));
  });
  run(seconds(3));
  act([&](Announcer& a) { a.announce(net.now(), target_of(100), key_pair(1)); });
  run(seconds(2));
  CHECK(announcer->holders(target_of(100)) > 0);
}

TEST_CASE_FIXTURE(Fixture, "a second announce does not wait for the first") {
  begin(10, 3);
  act([&](Announcer& a) {
    a.announce_key(net.now(), key_pair(1));
    a.announce(net.now(), target_of(1), key_pair(1));
  });
  run(std::chrono::milliseconds(400));
  CHECK(announcer->holders(target_of_key(key_pair(1).public_key)));
  CHECK(announcer->holders(target_of(1)));
}

TEST_CASE_FIXTURE(Fixture, "what is withdrawn is not found any more") {
  begin(15, 4);
  const auto key = key_pair(1);
  const auto own = target_of_key(key.public_key);
  act([&](Announcer& a) {
    a.announce_key(net.now(), key);
    a.announce(net.now(), target_of(7), key);
  });
  run(seconds(5));
  REQUIRE(finds(9, own));
  act([&](Announcer& a) { a.withdraw_all(net.now()); });
  run(seconds(3));
  CHECK_FALSE(finds(10, own));
  CHECK_FALSE(takes_hellos(4, own));
  const auto lookup = net.act(10, [&](Node& node) { return node.lookup(net.now(), target_of(7)); });
  REQUIRE(net.wait_done(10, lookup) != nullptr);
  for (const auto& reply : net.events_of<QueryReply>(10)) CHECK(reply.query != lookup);
  CHECK_FALSE(announcer->next_timeout().has_value());
}
