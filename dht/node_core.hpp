#pragma once

// What the machines inside a node share: its place in the network, its tables, its way out. Node
// composes it with Lifecycle, Server, Relay, Queries and Hellos, each of which is handed a
// NodeCore&.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/crypto.hpp"
#include "base/fifo.hpp"
#include "base/random.hpp"
#include "dht/contact.hpp"
#include "dht/dead_list.hpp"
#include "dht/drop_reason.hpp"
#include "dht/message.hpp"
#include "dht/node.hpp"
#include "dht/node_types.hpp"
#include "dht/record_cache.hpp"
#include "dht/reflection_budget.hpp"
#include "dht/routing_table.hpp"
#include "dht/rpc.hpp"
#include "dht/token.hpp"

namespace cip::dht {

inline constexpr Duration kTick = std::chrono::seconds(5);
// What is kept for each realm is kept in arrays.
inline constexpr std::size_t kRealms = 3;
inline std::size_t index_of(Realm realm) { return static_cast<std::size_t>(realm); }
// How many peers contacted from the server socket are remembered.
inline constexpr std::size_t kMaxContacted = 1024;
// Events that nobody fetches. A driver drains them after every input.
inline constexpr std::size_t kMaxEvents = 65'536;

struct NodeCore {
  struct Listening {
    Target target{};
    PublicKey key{};
  };

  NodeCore(NodeOptions node_options, ContactArena& contacts, Random& rng);
  NodeCore(const NodeCore&) = delete;
  NodeCore& operator=(const NodeCore&) = delete;

  // --- time: the tables count in ticks of 5 s
  Tick tick(Now now) const;

  // --- own place
  // The own address that a node at `peer` sees, if known. `told`: where its datagram went to, which
  // is the better word on a host with several interfaces of a realm.
  std::optional<OwnAddresses::Address> facing(Endpoint peer,
                                              std::optional<Endpoint> told = std::nullopt) const;
  bool is_interface(std::uint32_t ip) const {
    return std::find(options.interfaces.begin(), options.interfaces.end(), ip) !=
           options.interfaces.end();
  }
  // Do datagrams to `peer` carry our id, and does it count as a storing node for it?
  bool is_persistent_for(Endpoint peer) const;
  // The socket that requests to `peer` leave from.
  SocketRole request_socket(Endpoint peer) const;
  bool is_own(Endpoint endpoint) const {
    return own.contains(endpoint) ||
           (endpoint.port == options.server_port && is_interface(endpoint.ip));
  }

  // --- whom to deal with
  // Named by the user: exempt from the rules of private overlays.
  bool is_named(Endpoint endpoint) const;
  // Outside what a private overlay adds to tables and hands out.
  bool is_foreign(Endpoint endpoint) const {
    return options.private_overlay && endpoint.realm() == Realm::public_network &&
           !is_interface(endpoint.ip) && !is_named(endpoint);
  }
  // Left-over test nodes of the public network's operators, and addresses nobody can have.
  static bool is_refused(Endpoint endpoint);

  // --- way out
  // Was anything ever sent to `peer` from the server socket, while strangers were not known to
  // reach it? Then its answer there proves nothing (dht.md 5).
  bool was_contacted(Endpoint peer) const;
  // Persistent towards the widest realm that contacts are in.
  bool is_persistent() const;
  // Begins a request: fills in socket (unless told) and round trip. No RequestId (0), and a counted
  // drop, when the queue is full.
  RequestId send(Now now, Call&& call, std::optional<SocketRole> socket = std::nullopt);
  // The same to a contact: spares looking for its id.
  RequestId send(Now now, const Contact& to, Call&& call);
  void post(SocketRole socket, Endpoint to, Request&& request, bool with_id = true);
  void post(SocketRole socket, Endpoint to, Reply&& reply,
            std::optional<Endpoint> told = std::nullopt);
  // Moves what Rpc has to transmit to the outbox; at the end of every input.
  void flush();
  void emit(Event event);
  void drop(DropReason reason) { ++drops[static_cast<std::size_t>(reason)]; }

  const Listening* listening_under(const Target& target) const;

  std::size_t memory_bytes() const;  // on the heap

  void note_contacted(Endpoint peer);
  RequestId begin(Now now, Call&& call);
  // `seen`: what the receiver sees us at.
  template <typename T>
  void post_as(const std::optional<OwnAddresses::Address>& seen, SocketRole socket, Endpoint to,
               T&& message, bool with_id);

  NodeOptions options;
  ContactArena& arena;
  Random& random;

  OwnAddresses own;
  std::array<bool, kRealms> reachable{};  // by realm: strangers there reach the server socket
  RoutingTable table;
  TokenIssuer tokens;
  Rpc rpc;
  DeadList dead;
  RecordCache records;
  ReflectionBudget budget;
  Realm widest_contact = Realm::loopback;  // of all that ever were in the table
  std::vector<Endpoint> contacted;         // see was_contacted(); oldest first
  std::vector<Listening> listening;        // keys of ours that hellos are taken for

  NodeStats stats;
  DropCounters drops{};
  Fifo<Outgoing> outbox;
  Fifo<Event> events;

  TimePoint epoch{};       // start()
  Tick slept = 0;          // ticks by which all contacts were aged after a sleep
  TimePoint last_query{};  // when the table was refreshed by one
  TimePoint last_heard{};  // when anybody answered
  bool running = false;
  bool ready = false;
};

}  // namespace cip::dht
