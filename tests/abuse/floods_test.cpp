// Floods: whoever sends much gets little, and the honest are served.

#include "dht/payloads.hpp"
#include "dht/record_cache.hpp"
#include "dht/signatures.hpp"
#include "dht/token.hpp"
#include "tests/abuse/both_ways.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const std::array<Bytes32, 2> kSecrets{Bytes32{1}, Bytes32{2}};

std::size_t add_storing(TestNetwork& net, Defences defences) {
  NodeOptions options;
  options.private_overlay = false;
  options.mode = NodeOptions::Mode::persistent;
  options.token_secrets = kSecrets;
  defences.token_binds_port = false;  // so that the test can make tokens
  options.defences = defences;
  return net.add({0x08000001, 4000}, options);
}

// As if `from` had asked for a token before.
void put_from(TestNetwork& net, Endpoint from, const Bytes& value) {
  Request put;
  put.tid = net.random().next_u16();
  put.to = net.host(0).server;
  put.command = static_cast<std::uint64_t>(Command::immutable_put);
  put.target = target_of_value(value);
  put.token = make_token(kSecrets[1], from.ip);
  put.value = value;
  net.inject(from, put.to, put);
}

Bytes numbered(std::uint32_t i) { return to_bytes(bytes_of(std::to_string(i))); }

}  // namespace

TEST_CASE("one source writes a share of the table and no more") {
  check_both_ways(&Defences::store_quota, [](Defences defences) {
    TestNetwork net;
    defences.store_rate = false;
    add_storing(net, defences);
    for (std::uint32_t i = 0; i < 3000; ++i) put_from(net, {0x09000001, 4000}, numbered(i));
    net.run(seconds(1));
    return net.node(0).records().counts().immutables > 2000;
  });
}

TEST_CASE("many sources do not flush what a node is responsible for") {
  check_both_ways(&Defences::keep_closest, [](Defences defences) {
    RecordCache cache(
        RecordCache::Options{.max_values = 1000, .keep_closest = defences.keep_closest});
    cache.set_id(NodeId{});
    Now now{TimePoint(std::chrono::hours(1000)), {}};
    // Close to the own id, as values are whose 20 closest this node is among.
    const Target own{0, 1};
    cache.put_immutable(now, own, Bytes{1}, {0x08000001, 1});
    for (std::uint32_t i = 0; i < 5000; ++i) {
      cache.put_immutable(now, hash(numbered(i)), numbered(i), {0x09000001 + (i << 8), 1});
    }
    return !cache.get_immutable(now, own);
  });
}

TEST_CASE("puts of one source are limited, those of others go on") {
  check_both_ways(&Defences::store_rate, [](Defences defences) {
    TestNetwork net;
    add_storing(net, defences);
    for (std::uint32_t i = 0; i < 500; ++i) put_from(net, {0x09000001, 4000}, numbered(i));
    put_from(net, {0x0a010101, 4000}, numbered(1000));
    net.run(milliseconds(500));
    const auto stored = net.node(0).records().counts().immutables;
    CHECK(stored > 1);
    return stored > 400;
  });
}

TEST_CASE("announces of one source are limited before their signatures cost anything") {
  check_both_ways(&Defences::store_rate, [](Defences defences) {
    TestNetwork net;
    add_storing(net, defences);
    const Endpoint from{0x09000001, 4000};
    for (std::uint16_t i = 0; i < 500; ++i) {
      Request announce;
      announce.tid = i;
      announce.to = net.host(0).server;
      announce.command = static_cast<std::uint64_t>(Command::announce);
      announce.target = target_of(1);
      announce.token = make_token(kSecrets[1], from.ip);
      announce.value = encode_announce({Peer{}, {}, Signature{}, 0});
      net.inject(from, announce.to, announce);
    }
    net.run(milliseconds(500));
    return drops(net.node(0), DropReason::bad_signature) > 400;
  });
}

TEST_CASE("hellos that one source sends through a relay are limited") {
  check_both_ways(&Defences::relay_limits, [](Defences defences) {
    TestNetwork net;
    add_storing(net, defences);
    for (std::uint16_t i = 0; i < 500; ++i) {
      Request hello;
      hello.tid = i;
      hello.to = net.host(0).server;
      hello.command = static_cast<std::uint64_t>(Command::peer_handshake);
      hello.target = target_of(1);
      const Endpoint anybody{0x0b000001 + (std::uint32_t{i} << 8), 80};
      hello.value = encode_handshake({RelayMode::from_client, Bytes{1}, {}, anybody});
      net.inject({0x09000001, 4000}, hello.to, hello);
    }
    net.run(milliseconds(500));
    return net.node(0).stats().relayed > 400;
  });
}
