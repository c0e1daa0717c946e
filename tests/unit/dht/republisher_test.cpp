#include "dht/republisher.hpp"

#include <doctest/doctest.h>

#include "dht/record_cache.hpp"
#include "dht/signatures.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using namespace std::chrono_literals;

namespace {

// Two nodes; the second one owns values.
struct Fixture {
  TestNetwork net;
  std::unique_ptr<Republisher> owner;
  std::size_t seen = 0;  // events of the owner's node that were handed over

  Fixture() {
    net.add_many(2);
    owner = std::make_unique<Republisher>(net.node(1), net.random());
  }
  OwnValue value_of(std::string_view text) { return {to_bytes(bytes_of(text)), {}}; }
  UnixMillis in(Duration time) {
    return {net.now().wall.value + static_cast<std::uint64_t>(time / 1ms)};
  }
  void run(Duration time) {
    const auto until = net.now().mono + time;
    while (net.now().mono < until) {
      const auto next = owner->next_timeout();
      const auto step = next ? std::min(*next, until) - net.now().mono : until - net.now().mono;
      net.run(std::max<Duration>(std::min<Duration>(step, 10s), 10ms));
      for (const auto& events = net.host(1).events; seen < events.size(); ++seen) {
        owner->handle_event(net.now(), events[seen]);
      }
      net.act(1, [&](Node&) { owner->handle_timeout(net.now()); });
    }
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a value of its own is put again and again") {
  const auto value = value_of("x");
  REQUIRE(owner->keep(net.now(), value, in(240h)));
  CHECK_FALSE(net.node(0).records().counts().immutables == 1);
  run(6min);
  CHECK(net.node(0).records().counts().immutables == 1);
  const auto before = net.node(1).stats().queries;
  run(5h);
  CHECK(net.node(1).stats().queries >= before + 2);
}

TEST_CASE_FIXTURE(Fixture, "a mutable value that has a newer one in the network is let go") {
  const auto key = make_key_pair(Bytes32{1});
  const auto newer =
      net.act(0, [&](Node& node) { return *node.put_mutable(net.now(), key, 5, Bytes{5}); });
  REQUIRE(net.wait_done(0, newer) != nullptr);
  const auto old = sign_mutable(4, Bytes{4}, key);
  REQUIRE(owner->keep(net.now(), {{}, old}, in(240h)));
  run(6min);
  CHECK(owner->size() == 0);
  CHECK(owner->poll_let_go() == target_of_key(key.public_key));
}

TEST_CASE_FIXTURE(Fixture, "of one key the last value counts, and a value ends with its time") {
  const auto key = make_key_pair(Bytes32{1});
  REQUIRE(owner->keep(net.now(), {{}, sign_mutable(1, Bytes{1}, key)}, in(240h)));
  REQUIRE(owner->keep(net.now(), {{}, sign_mutable(2, Bytes{2}, key)}, in(1h)));
  CHECK(owner->size() == 1);
  run(4h);
  CHECK(owner->size() == 0);
  CHECK(owner->poll_let_go() == target_of_key(key.public_key));
}

TEST_CASE_FIXTURE(Fixture, "the number of own values has a bound") {
  for (std::size_t i = 0; i < Republisher::kMaxValues; ++i) {
    REQUIRE(owner->keep(net.now(), value_of(std::to_string(i)), in(1h)));
  }
  CHECK_FALSE(owner->keep(net.now(), value_of("one more"), in(1h)));
  CHECK(owner->keep(net.now(), value_of("1"), in(2h)));
}

TEST_CASE_FIXTURE(Fixture, "a clock that is set right neither ends a value nor makes it immortal") {
  const auto value = value_of("put while the clock was wrong");
  auto wrong = net.now();
  wrong.wall.value = 1'000'000;  // 1970
  const auto day = static_cast<std::uint64_t>(std::chrono::milliseconds(24h).count());
  REQUIRE(owner->keep(wrong, value, {wrong.wall.value + day}));
  const auto moved = owner->take_moved(net.now());
  REQUIRE(moved.size() == 1);
  CHECK(moved[0].value == value);
  CHECK(moved[0].until.value == net.now().wall.value + day);
  CHECK(owner->take_moved(net.now()).empty());
  run(20h);
  CHECK(owner->size() == 1);
  run(8h);
  CHECK(owner->size() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a clock that is years behind at the start makes no value immortal") {
  auto wrong = net.now();
  wrong.wall.value = 1'000'000;  // 1970
  REQUIRE(owner->keep(wrong, value_of("put in another run"), in(24h)));
  const auto moved = owner->take_moved(net.now());
  REQUIRE(moved.size() == 1);
  CHECK(moved[0].until.value <= in(Republisher::kLongest).value);
}

TEST_CASE_FIXTURE(Fixture, "the number of the value that is kept for a key is known") {
  const auto key = make_key_pair(Bytes32{7});
  const auto target = target_of_key(key.public_key);
  CHECK_FALSE(owner->known_seq(target));
  REQUIRE(owner->keep(net.now(), {{}, sign_mutable(42, Bytes{1}, key)}, in(1h)));
  CHECK(owner->known_seq(target) == 42);
}
