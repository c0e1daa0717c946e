#pragma once

// Two sides of a holepunch behind NATs, nodes that tell them where they are seen, and a relay, on a
// virtual clock.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "overlay/punch/client.hpp"
#include "overlay/punch/server.hpp"

namespace cip::test {

enum class NatKind : std::uint8_t {
  full,    // one port for all; whoever sends gets in
  port,    // one port for all; who was sent to gets in
  random,  // a port for each destination; who was sent to gets in
};

// A NAT with one host behind it.
class Nat {
 public:
  Nat(NatKind kind, std::uint32_t ip, std::uint64_t seed) : kind_(kind), ip_(ip), random_(seed) {}

  // A datagram leaves: where it seems to come from.
  Endpoint out(overlay::UdxSocket socket, Endpoint to) {
    const auto destination = kind_ == NatKind::random ? to : Endpoint{};
    auto& port = ports_[{socket, destination}];
    if (port == 0) {
      port = static_cast<std::uint16_t>(1024 + random_.below(64'000));
      sockets_[port] = socket;
    }
    let_in_.insert({port, to});
    return {ip_, port};
  }
  // A datagram comes: to which socket, if it gets in.
  std::optional<overlay::UdxSocket> in(Endpoint from, std::uint16_t port) const {
    const auto found = sockets_.find(port);
    if (found == sockets_.end()) return std::nullopt;
    if (kind_ != NatKind::full && !let_in_.contains({port, from})) return std::nullopt;
    return found->second;
  }
  std::uint32_t ip() const { return ip_; }

 private:
  NatKind kind_;
  std::uint32_t ip_;
  SeededRandom random_;
  std::map<std::pair<overlay::UdxSocket, Endpoint>, std::uint16_t> ports_;
  std::map<std::uint16_t, overlay::UdxSocket> sockets_;
  std::set<std::pair<std::uint16_t, Endpoint>> let_in_;
};

class PunchNetwork;

// What one side's machine asks for, done in the network.
class Room final : public overlay::PunchRoom {
 public:
  Room(PunchNetwork& network, NatKind kind, std::uint32_t ip, std::uint64_t seed)
      : nat(kind, ip, seed), network_(network), random_(seed) {}

  std::optional<overlay::UdxSocket> open_socket(overlay::PunchId) override {
    if (open.size() >= most_sockets) return std::nullopt;
    open.insert(++last_);
    return last_;
  }
  void close_socket(overlay::UdxSocket socket) override { open.erase(socket); }
  void probe(const overlay::PunchProbe& probe) override;
  std::size_t ping_nodes(Now now, overlay::UdxSocket from, Realm realm,
                         std::set<Endpoint>& asked) override;
  void ask(Now now, overlay::PunchId id, Endpoint relay, Endpoint peer,
           const overlay::PunchMessage& message) override;
  bool take_random_turn(Now, overlay::PunchId) override { return has_random_turn; }
  Random& random() override { return random_; }

  Nat nat;
  std::set<overlay::UdxSocket> open;
  std::size_t most_sockets = 1000;
  bool has_random_turn = true;
  unsigned probes = 0;
  std::function<void(overlay::UdxSocket, Endpoint)> on_probe;

 private:
  PunchNetwork& network_;
  SeededRandom random_;
  overlay::UdxSocket last_ = 1;
};

class PunchNetwork {
 public:
  static constexpr Duration kLatency = std::chrono::milliseconds(10);
  static constexpr Endpoint kRelay{0x05000001, 100};

  PunchNetwork(NatKind client_kind, NatKind server_kind, std::uint64_t seed = 1)
      : client_room(*this, client_kind, 0x05010101, seed),
        server_room(*this, server_kind, 0x05020202, seed + 1000) {
    client_room.on_probe = [this](auto socket, auto from) { client->handle_probe(socket, from); };
    server_room.on_probe = [this](auto socket, auto from) { server->handle_probe(socket, from); };
  }

  // The hello is through: the server has answered from its punch socket.
  void begin() {
    server = std::make_unique<overlay::PunchServer>(server_room, 7, Endpoint{0x05010101, 1});
    REQUIRE(server->start(now));
    overlay::PunchOffer offer;
    offer.id = 7;
    offer.relays = {{kRelay, {0x05020202, 1}}};
    offer.via = kRelay;
    offer.server = server_room.nat.out(server->side().socket(), kRelay);
    client = std::make_unique<overlay::PunchClient>(client_room, 1, offer);
    client->start(now);
  }

  void after(Duration delay, std::function<void()> action) {
    events.emplace(now.mono + delay, std::move(action));
  }

  // Until the client is through, at most for so long.
  void run(Duration most = std::chrono::seconds(60)) {
    const auto until = now.mono + most;
    while (!client->hole() && !client->error() && now.mono < until) step();
  }

  void step() {
    const auto timer = earliest({client->next_timeout(), server->next_timeout()});
    const auto event = events.empty() ? std::nullopt : std::optional(events.begin()->first);
    const auto next = earliest({timer, event});
    now.mono = next ? std::max(*next, now.mono) : now.mono + std::chrono::seconds(1);
    if (event && *event <= now.mono) {
      auto action = std::move(events.begin()->second);
      events.erase(events.begin());
      action();
    } else {
      client->handle_timeout(now);
      server->handle_timeout(now);
    }
    while (auto answer = server->poll_answer()) deliver(*answer);
  }

  void deliver(const overlay::PunchAnswer& answer) {
    last_answer = answer.message;
    const auto peer = server_room.nat.out(answer.socket, kRelay);
    after(2 * kLatency, [this, message = answer.message, peer, socket = asked_from] {
      client->handle_reply(now, socket, message, client_room.nat.out(socket, kRelay), kRelay, peer);
    });
  }

  Room& other(const Room& room) { return &room == &client_room ? server_room : client_room; }

  Now now;
  std::multimap<TimePoint, std::function<void()>> events;
  std::size_t nodes = 8;
  bool relay_is_silent = false;
  std::optional<overlay::PunchMessage> last_answer;
  overlay::UdxSocket asked_from = 0;
  Room client_room;
  Room server_room;
  std::unique_ptr<overlay::PunchServer> server;
  std::unique_ptr<overlay::PunchClient> client;
};

inline void Room::probe(const overlay::PunchProbe& probe) {
  ++probes;
  const auto from = nat.out(probe.socket, probe.to);
  if (probe.reach == overlay::ProbeReach::near) return;
  network_.after(PunchNetwork::kLatency, [this, from, to = probe.to] {
    auto& room = network_.other(*this);
    if (to.ip != room.nat.ip()) return;
    if (const auto socket = room.nat.in(from, to.port)) room.on_probe(*socket, from);
  });
}

inline std::size_t Room::ping_nodes(Now, overlay::UdxSocket from, Realm,
                                    std::set<Endpoint>& asked) {
  std::size_t pinged = 0;
  for (std::uint16_t i = 0; i < network_.nodes && pinged < overlay::PunchNat::kWanted; ++i) {
    const Endpoint node{0x05000100u + i, 4000};
    if (!asked.insert(node).second) continue;
    ++pinged;
    network_.after(2 * PunchNetwork::kLatency, [this, from, node] {
      const auto seen = nat.out(from, node);
      if (this == &network_.client_room) {
        network_.client->handle_seen(network_.now, from, seen, node);
      } else {
        network_.server->handle_seen(network_.now, from, seen, node);
      }
    });
  }
  return pinged;
}

inline void Room::ask(Now, overlay::PunchId, Endpoint relay, Endpoint,
                      const overlay::PunchMessage& message) {
  const auto socket = network_.client->side().socket();
  network_.asked_from = socket;
  if (network_.relay_is_silent) {
    return network_.after(std::chrono::seconds(3), [this] { network_.client->handle_no_reply(); });
  }
  const auto seen = nat.out(socket, relay);
  network_.after(2 * PunchNetwork::kLatency, [this, message, seen] {
    dht::HelloTicket ticket;
    ticket.from = PunchNetwork::kRelay;
    network_.server->handle_request(network_.now, {message, ticket, seen, {}, true});
  });
}

}  // namespace cip::test
