// Attacks by answers that nobody asked for, and by what belongs to others.

#include "dht/payloads.hpp"
#include "dht/record_cache.hpp"
#include "dht/routing_table.hpp"
#include "dht/signatures.hpp"
#include "dht/token.hpp"
#include "tests/abuse/both_ways.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const Endpoint kAttacker{TestNetwork::kLoopback, 6666};

// Has anything been sent to the attacker?
struct Watch {
  explicit Watch(TestNetwork& net) {
    net.filter = [this](const TestNetwork::Packet& packet) {
      reached = reached || packet.to == kAttacker;
      return packet.to != kAttacker;
    };
  }
  bool reached = false;
};

Reply naming_attacker(Tid tid) {
  Reply lie;
  lie.tid = tid;
  lie.to = {TestNetwork::kLoopback, 10'002};
  lie.closer = {kAttacker};
  return lie;
}

}  // namespace

TEST_CASE("an answer from another address than the one asked is not taken, whatever its tid") {
  check_both_ways(&Defences::match_source, [](Defences defences) {
    TestNetwork net;
    net.add_many(2, with(defences));
    net.run(seconds(2));
    Watch watch(net);
    net.act(1, [&](Node& node) { return node.find_node(net.now(), target_of(1)); });
    net.act(1, [&](Node& node) {
      for (unsigned tid = 0; tid <= UINT16_MAX; ++tid) {
        node.handle_message(net.now(), SocketRole::server, kAttacker,
                            naming_attacker(static_cast<Tid>(tid)));
      }
    });
    net.run(seconds(1));
    return watch.reached;
  });
}

TEST_CASE("the tid of a request to one node does not tell that of the next to another") {
  check_both_ways(&Defences::random_tids, [](Defences defences) {
    TestNetwork net;
    net.add_many(2, with(defences));
    net.run(seconds(2));
    std::optional<Tid> seen;
    bool reached = false;
    net.filter = [&](const TestNetwork::Packet& packet) {
      if (packet.to != kAttacker) return true;
      reached = seen.has_value();
      if (!seen) seen = std::get<Request>(packet.message).tid;
      return false;
    };
    const auto ping = net.act(1, [&](Node& node) { return node.ping(net.now(), kAttacker); });
    net.run(milliseconds(20));
    REQUIRE(seen);
    static_cast<void>(ping);
    net.act(1, [&](Node& node) { return node.find_node(net.now(), target_of(1)); });
    // From a forged source: the bootstrap node, which everybody knows to be asked.
    net.act(1, [&](Node& node) {
      for (unsigned ahead = 1; ahead <= 8; ++ahead) {
        node.handle_message(net.now(), SocketRole::server, net.host(0).server,
                            naming_attacker(static_cast<Tid>(*seen + ahead)));
      }
    });
    net.run(milliseconds(50));
    return reached;
  });
}

TEST_CASE("a token is of no use to another program behind the same address") {
  check_both_ways(&Defences::token_binds_port, [](Defences defences) {
    TestNetwork net;
    net.add_many(1, with(defences));
    const auto node = net.host(0).server;
    const Bytes value = to_bytes(bytes_of("x"));
    const Endpoint asker{TestNetwork::kLoopback, 5001}, other{TestNetwork::kLoopback, 5002};
    std::optional<Bytes32> token;
    net.filter = [&](const TestNetwork::Packet& packet) {
      const auto* reply = std::get_if<Reply>(&packet.message);
      if (packet.to == asker && reply != nullptr) token = reply->token;
      return true;
    };
    Request request;
    request.to = node;
    request.command = static_cast<std::uint64_t>(Command::immutable_get);
    request.target = target_of_value(value);
    net.inject(asker, node, request);
    net.run(milliseconds(50));
    REQUIRE(token);
    request.command = static_cast<std::uint64_t>(Command::immutable_put);
    request.token = token;
    request.value = value;
    net.inject(other, node, request);
    net.run(milliseconds(50));
    const bool came_off = net.node(0).records().counts().immutables == 1;
    net.inject(asker, node, request);
    net.run(milliseconds(50));
    CHECK(net.node(0).records().counts().immutables == 1);  // its owner can use it
    return came_off;
  });
}
