#pragma once

// What goes into and comes out of dht::Node besides messages: options, identifiers, events. Split
// from node.hpp so that floors above can name an event without the machine.

#include <array>
#include <cstdint>
#include <optional>
#include <system_error>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "dht/contact.hpp"
#include "dht/defences.hpp"
#include "dht/handles.hpp"
#include "dht/message.hpp"
#include "dht/query.hpp"

namespace cip::dht {

// Own values, immutable or mutable, have at most this many bytes: the answer that carries one must
// stay below an MTU of 1280 with closer nodes or 1400 in all (dht.md 3, 11).
inline constexpr std::size_t kMaxOwnValueSize = 1000;
// What a storing node accepts.
inline constexpr std::size_t kMaxStoredValueSize = 1200;

struct NodeOptions {
  // Contacts to enter the overlay through, as named by the user. They are asked whatever their
  // realm, and never count as foreign in a private overlay.
  std::vector<Endpoint> bootstrap;
  // Contacts remembered from an earlier run; asked like bootstrap, but held to the realm rules.
  std::vector<Endpoint> known;
  // IPv4 addresses of own interfaces at which the server socket receives, 127.0.0.1 included when
  // it does. Empty: nothing is known without others (dht.md 2 "ours").
  std::vector<std::uint32_t> interfaces;
  // Local port of the server socket.
  std::uint16_t server_port = 0;
  // There is a second socket to send requests from while reachability is not proven (dht.md 5).
  // Without one nothing can be proven: then only loopback, a node that begins an overlay, and
  // Mode::persistent are taken for reachable.
  bool client_socket = false;
  // Local port of that one: what comes from there was sent by this very node.
  std::uint16_t client_port = 0;
  // Private by default (decisions.md D2): contacts outside loopback and private ranges are neither
  // added nor handed out unless named. false: the public network.
  bool private_overlay = true;
  // adaptive: persistent once reachability is proven. ephemeral: never. persistent: reachability is
  // the user's word (--public, a bootstrap node); with `public_ip` the address is too.
  enum class Mode : std::uint8_t { adaptive, ephemeral, persistent } mode = Mode::adaptive;
  std::optional<std::uint32_t> public_ip;
  // Bucket size, also how many closest nodes a query ends with; and parallel requests of a query. A
  // network agrees on them: other values are for simulations.
  std::uint8_t k = 20;
  std::uint8_t alpha = 10;
  // Checks of old contacts and refreshes of the table. Off for simulations of a frozen network:
  // then a node without pending work has no timeout at all.
  bool upkeep = true;
  // Answers to unproven addresses are charged to a budget (dht.md 11). Off for simulations, where
  // no source is forged and the accounts of a million nodes would be memory.
  bool reflection_budget = true;
  // Changes of what is stored for others are told by poll_record_change(), for a copy on disk.
  bool tell_record_changes = false;
  // All on; see there.
  Defences defences;
  // Fixed seed for the token secrets; empty: drawn from the Random. For tests with golden bytes.
  // (previous, current). Tokens are then those of the stock node, which binds no port.
  std::optional<std::array<Bytes32, 2>> token_secrets;
};

// A message for the driver to send.
struct Outgoing {
  SocketRole socket = SocketRole::server;
  // Own interface address to send from, so that the receiver sees the address whose id the message
  // carries (IP_PKTINFO). 0: the system chooses.
  std::uint32_t source_ip = 0;
  Endpoint to;
  Message message;
};

// What a query may be told besides its target.
struct QueryOptions {
  // Asked first, e.g. the closest of the last run, or relays named by a record.
  std::vector<Endpoint> start;
  // Two requests at once instead of ten.
  bool background = false;
  // How many of the closest store what is put; 0: all k = 20.
  std::size_t replicas = 0;
};

// Where a node believes to be, and why: for people who ask what others see of it.
struct NatView {
  struct Place {
    Realm realm{};
    std::optional<Endpoint> address;  // as far as it is believed
    bool reachable = false;           // strangers there reach the server socket
  };
  std::array<Place, 3> places{};     // from narrow to wide
  std::optional<Endpoint> believed;  // by what others say; port 0: it changes from peer to peer
  unsigned samples = 0;              // votes that count for that
  unsigned proofs = 0;               // of reachability so far, in the attempt under way
};

// A node that stored, or refused to store, what a query put.
struct Stored {
  Contact node;
  Endpoint own_address;     // as that node sees us
  std::uint64_t error = 0;  // 0: accepted; else the code it answered
};

// --- events

// The first walk is over. `reached`: at least one other node answered. After Ready{false} the node
// keeps trying (if it knows anybody to try), and Ready{true} follows when somebody answers at last.
struct Ready {
  bool reached = false;
};

// What this node knows of its own place has changed: an address, being persistent, being
// firewalled.
struct StateChanged {
  NodeId id;                        // id of the table
  std::optional<Endpoint> address;  // of the widest realm
  bool persistent = false;
  bool firewalled = true;
};

// An answer to a query that carries a value: records, a peer, a stored value (payload codecs:
// dht/payloads.hpp). Signatures and hashes of values have been checked for gets.
struct QueryReply {
  QueryId query;
  Endpoint from;       // the responder. For find_peer: a relay to send a hello to
  bool local = false;  // from this node's own records; `from` is then the peer as seen here
  unsigned depth = 0;
  Duration rtt{};
  std::vector<Hop> hops{};  // chain of first referrals to the responder, itself last
  Bytes value;
};

struct QueryDone {
  QueryId query;
  Target target{};
  std::error_code error;  // none: at least one answer, and for puts at least one node stored it
  std::vector<Contact> closest;  // those that answered, closest first; at most k
  std::vector<Stored> stored;    // answers to the commits of announce, unannounce and put
  bool stored_here = false;      // this node is among the closest and stores it itself
  std::vector<Hop> hops;         // chain of first referrals to the closest, in order
  unsigned hops_to_closest = 0;  // shortest chain of referrals to it: 1 = it was in the own table
  unsigned hops_first = 0;  // until one of the closest 20 was named: 1 = the own table held one
  unsigned requests = 0;    // transmissions not counted
  unsigned answers = 0;
  unsigned timeouts = 0;
  Duration took{};
};

// The end of a single request. Exactly one per RequestId of ping() and request().
struct RequestDone {
  RequestId request;
  Endpoint from;
  std::error_code error;       // none, or no answer
  std::optional<Reply> reply;  // its `error` field is the responder's code
  Duration rtt{};
};

// How to answer a hello or a holepunch message; opaque to the owner, who keeps it until it answers.
struct HelloTicket {
  std::uint16_t tid = 0;
  std::uint64_t mode = 0;
  SocketRole socket = SocketRole::server;
  Endpoint from;
  std::optional<Endpoint> peer_address;
  std::optional<Endpoint> relay_address;
  Target target{};
};

// A hello for a target this node listens under.
struct HelloReceived {
  HelloTicket ticket;
  Endpoint client;  // the peer: as a relay sees it, or the source of a direct hello
  bool relayed = false;
  Bytes noise;  // message 1
};

// The answer to send_hello().
struct HelloReply {
  RequestId request;
  Endpoint from;                   // the node that was asked
  std::optional<Endpoint> server;  // the peer as the relay sees it; none: `from` is the peer
  Endpoint own_address;            // this node as `from` sees it
  SocketRole socket = SocketRole::server;  // from which it was asked
  Bytes noise;                             // message 2
  Duration rtt{};
};
struct HelloFailed {
  RequestId request;
  Endpoint from;
  std::error_code error;  // request_timeout, not_a_relay, malformed_reply, refused
};

// A holepunch message (dht.md 14) for a target this node listens under, by way of a relay.
struct HolepunchReceived {
  HelloTicket ticket;
  std::uint64_t id = 0;  // as this node's answer to the hello named it
  Endpoint own_address;  // this node as the relay sees it
  Bytes sealed;
};

// The answer to Holepunches::send().
struct HolepunchReply {
  RequestId request;
  Endpoint from;         // the relay
  Endpoint own_address;  // this node as the relay sees it
  Endpoint peer;         // the peer as the relay sees it
  Bytes sealed;
};
struct HolepunchFailed {
  RequestId request;
  std::error_code error;  // request_timeout, not_a_relay, malformed_reply, refused
};

using Event =
    std::variant<Ready, StateChanged, QueryReply, QueryDone, RequestDone, HelloReceived, HelloReply,
                 HelloFailed, HolepunchReceived, HolepunchReply, HolepunchFailed>;

}  // namespace cip::dht
