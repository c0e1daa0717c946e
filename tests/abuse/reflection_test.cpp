// Attacks that make a node send datagrams to a victim. What counts are bytes towards the victim
// for each byte of the attacker.

#include "dht/payloads.hpp"
#include "tests/abuse/both_ways.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const Endpoint kVictim{0x0b000001, 80};
const Endpoint kAttacker{0x0d000001, 4000};

struct Meter {
  explicit Meter(TestNetwork& net) {
    net.filter = [this](const TestNetwork::Packet& packet) {
      if (packet.to != kVictim) return true;
      ++datagrams;
      bytes += encode_message(packet.message).size();
      return false;
    };
  }
  // What the attacker says; its source may be forged.
  void send(TestNetwork& net, Endpoint from, Request request) {
    request.to = net.host(0).server;
    spent += encode_message(request).size();
    net.inject(from, net.host(0).server, std::move(request));
  }
  double amplification() const { return static_cast<double>(bytes) / static_cast<double>(spent); }

  std::size_t datagrams = 0;
  std::size_t bytes = 0;
  std::size_t spent = 0;
};

// A public node with 40 contacts.
void add_full_node(TestNetwork& net, Defences defences) {
  add_public(net, {0x08000001, 4000}, defences);
  std::vector<Contact> contacts;
  for (std::uint32_t i = 0; i < 40; ++i)
    contacts.push_back(contact_of({0x20000001 + (i << 16), 1}));
  net.node(0).assume(net.now(), contacts);
}

Request hello(Tid tid, RelayMode mode, std::optional<Endpoint> peer,
              std::optional<Endpoint> relay) {
  Request request;
  request.tid = tid;
  request.command = static_cast<std::uint64_t>(Command::peer_handshake);
  request.target = target_of(1);
  request.value = encode_handshake({mode, Bytes(400), peer, relay});
  return request;
}

}  // namespace

TEST_CASE("answers to a forged source end up as small as what asked for them") {
  check_both_ways(&Defences::answer_budget, [](Defences defences) {
    TestNetwork net;
    add_full_node(net, defences);
    Meter meter(net);
    for (std::uint16_t i = 0; i < 2000; ++i) {
      auto request = request_of(InternalCommand::find_node);
      request.tid = i;
      request.target = target_of(static_cast<std::uint8_t>(i));
      meter.send(net, kVictim, std::move(request));
      if (i % 20 == 0) net.run(milliseconds(10));
    }
    net.run(seconds(1));
    MESSAGE("amplification " << meter.amplification());
    return meter.amplification() > 1.5;
  });
}

TEST_CASE("a relay carries only so much to one destination") {
  check_both_ways(&Defences::relay_limits, [](Defences defences) {
    TestNetwork net;
    add_full_node(net, defences);
    Meter meter(net);
    for (std::uint16_t i = 0; i < 3000; ++i) {
      // Many sources, one victim.
      const Endpoint from{kAttacker.ip + (std::uint32_t{i} << 8), 4000};
      meter.send(net, from, hello(i, RelayMode::from_client, {}, kVictim));
      if (i % 100 == 0) net.run(milliseconds(10));
    }
    net.run(seconds(1));
    MESSAGE("amplification " << meter.amplification());
    return meter.amplification() > 0.5;
  });
}

TEST_CASE("a relay carries no answer to what it never relayed") {
  check_both_ways(&Defences::relay_memory, [](Defences defences) {
    TestNetwork net;
    add_full_node(net, defences);
    Meter meter(net);
    meter.send(net, kAttacker, hello(1, RelayMode::from_server, kVictim, {}));
    net.run(seconds(1));
    return meter.datagrams > 0;
  });
}

TEST_CASE("an answer is carried back once, and only to who asked") {
  TestNetwork net;
  add_full_node(net, {});
  const Endpoint server{0x0e000001, 4000};
  std::size_t to_client = 0;
  net.filter = [&](const TestNetwork::Packet& packet) {
    to_client += packet.to == kAttacker;
    return packet.to != kAttacker && packet.to != server;
  };
  auto asked = hello(7, RelayMode::from_client, {}, server);
  asked.to = net.host(0).server;
  net.inject(kAttacker, asked.to, asked);
  net.run(milliseconds(50));
  for (int i = 0; i < 5; ++i) {
    auto answer = hello(7, RelayMode::from_server, kAttacker, {});
    answer.to = net.host(0).server;
    net.inject(server, answer.to, answer);
    net.run(milliseconds(50));
  }
  CHECK(to_client == 1);
}
