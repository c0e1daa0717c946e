// Storing nodes that invent peers (dht.md 20, 10).

#include <doctest/doctest.h>

#include <algorithm>

#include "dht/payloads.hpp"
#include "overlay/swarm.hpp"
#include "tests/unit/dht/test_network.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kInvented = 20;
const Bytes32 kTopic{7};

// Sorted after those that are invented, so that nothing but its being confirmed brings it forward.
PublicKey real_peer() {
  PublicKey key{};
  key.fill(0xff);
  return key;
}

Bytes reply_naming(std::span<const PublicKey> keys) {
  dht::LookupReply reply;
  for (const auto& key : keys) reply.peers.push_back({key, {}});
  return dht::encode_lookup_reply(reply);
}

// One node invents peers, then three name the real one: how many attempts are made before it.
std::size_t attempts_before_the_real_peer(bool prefer_confirmed) {
  test::TestNetwork net;
  net.add(Endpoint{0x7f000001, 20000});
  auto& node = net.node(0);
  const auto identity = make_key_pair(Bytes32{1});
  Greeter greeter(node, identity, net.random());
  Swarm swarm(node, greeter, nullptr, identity, net.random());
  swarm.prefer_confirmed(prefer_confirmed);
  swarm.join(net.now(), kTopic);

  std::vector<PublicKey> invented(kInvented);
  for (std::size_t i = 0; i < kInvented; ++i) invented[i][0] = static_cast<std::uint8_t>(i);
  const std::vector<PublicKey> real{real_peer()};
  dht::QueryReply reply;
  reply.query = dht::QueryId{1};
  reply.value = reply_naming(invented);
  REQUIRE(swarm.handle_dht_event(net.now(), reply));
  reply.value = reply_naming(real);
  for (int i = 0; i < 3; ++i) REQUIRE(swarm.handle_dht_event(net.now(), reply));

  std::vector<PublicKey> failed;
  while (const auto event = node.poll_event()) greeter.handle_event(net.now(), *event);
  while (const auto event = greeter.poll_event()) {
    const auto* hello = std::get_if<HelloFailed>(&*event);
    if (hello == nullptr) continue;
    failed.push_back(hello->peer);
    swarm.hello_failed(net.now(), *hello);
    while (const auto next = node.poll_event()) greeter.handle_event(net.now(), *next);
  }
  const auto at = std::find(failed.begin(), failed.end(), real.front());
  REQUIRE(at != failed.end());
  return static_cast<std::size_t>(at - failed.begin());
}

}  // namespace

TEST_CASE("peers that one node invents do not keep a node from those that several name") {
  CHECK_MESSAGE(attempts_before_the_real_peer(false) == kInvented,
                "the attack works without its counter-measure");
  CHECK_MESSAGE(attempts_before_the_real_peer(true) <= kMaxAttempts,
                "the counter-measure stops the attack");
}
