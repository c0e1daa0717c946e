#pragma once

// Hellos, both sides, as a machine over dht::Node (protocol of the DHT, sections 12 and 18).
//
// Client: greet() walks the DHT to nodes that know the peer, sends Noise IK message 1 to at most
// two of them at once, and takes the first answer that decrypts. Server: answers hellos that reach
// this node with the endpoints of its TCP listener, and keeps what is needed to recognise the
// stream that follows. Nothing here dials; the owner does, after HelloDone or DialBackRequested.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/node_types.hpp"
#include "overlay/bound.hpp"
#include "overlay/dial_policy.hpp"
#include "overlay/errors.hpp"
#include "overlay/hello_payload.hpp"

namespace cip::dht {
class Node;
}

namespace cip::overlay {

// Hellos sent to relays at once; one more when the caller named relays.
inline constexpr std::size_t kHellosAtOnce = 2;
// A pending hello lives this long after message 2, and so many are kept, oldest out. The same holds
// for the answers kept for repeated messages 1.
inline constexpr Duration kPendingHelloLife = std::chrono::seconds(10);
inline constexpr std::size_t kMaxPendingHellos = 1024;
// Hellos under way as client.
inline constexpr std::size_t kMaxGreetings = 256;

// What this node tells of itself in hellos.
struct Offer {
  std::vector<Endpoint> endpoints;  // of the TCP listener, every realm; filtered per peer
  std::vector<Endpoint6> endpoints6;
  bool accepts_dial_back = true;           // capability 2: dials when asked, asks to be dialled
  std::vector<Endpoint> relays;            // announce relays for the peer's cache, at most 3
  std::vector<std::uint32_t> interfaces;   // own interface addresses, for "same network first"
  std::optional<std::uint32_t> public_ip;  // own public address as others see it
};

struct GreetOptions {
  std::vector<Endpoint> relays;  // nodes to try first: from a record or an earlier hello
  bool walk = true;              // also walk the DHT
  bool dial_back = false;        // message 1 asks the peer to dial this node
};

enum class PeerKind : std::uint8_t { cipnode, stock };

// A hello was answered by the holder of the key.
struct HelloDone {
  HelloId id = 0;
  PublicKey peer{};
  PeerKind kind = PeerKind::stock;  // stock: no bound stream, `keys` and `endpoints` are unused
  BoundKeys keys;
  std::uint64_t capabilities = 0;   // of the peer's trailer
  std::vector<Endpoint> endpoints;  // to dial, in order (dial_policy)
  std::vector<Endpoint> offered;    // all IPv4 endpoints of the trailer
  std::vector<Endpoint6> offered6;
  Endpoint server;                    // the peer's UDP address: as the relay sees it, or `via`
  Endpoint own_address;               // this node as `via` sees it
  Endpoint via;                       // who passed the hello on, or the peer itself
  bool direct = false;                // answered by the peer itself
  bool dial_back_asked = false;       // the peer was asked to dial; keys are pending here
  std::uint64_t firewall = 0;         // as the peer says of itself
  std::vector<Endpoint> peer_relays;  // the peer's current relays, for the next time
  std::vector<Endpoint> relays;       // nodes that were found to know the peer
  Duration rtt{};                     // of the hello that was answered
};

// The walk of a greeting has ended; it may come before or after HelloDone, never without one of
// HelloDone and HelloFailed.
struct WalkDone {
  HelloId id = 0;
  dht::QueryDone walk;
};

struct HelloFailed {
  HelloId id = 0;
  PublicKey peer{};
  std::error_code error;  // nobody_announces, no_node_answered, no_hello_answer, hello_refused,
                          // cancelled
  std::uint64_t peer_error = 0;  // what the peer answered, for hello_refused
  std::vector<Endpoint> relays;
};

// A peer greeted this node and was answered; it may dial now. Its stream is recognised through
// find_pending().
struct HelloAnswered {
  HelloId id = 0;
  PublicKey peer{};
  Endpoint seen;  // where it was seen
};
// Such a peer asks to be dialled (with dial_bound(keys)); endpoints are filtered and limited.
struct DialBackRequested {
  HelloId id = 0;
  BoundKeys keys;
  std::vector<Endpoint> endpoints;
};
using GreeterEvent =
    std::variant<HelloDone, WalkDone, HelloFailed, HelloAnswered, DialBackRequested>;

// Counters since the start.
struct GreeterStats {
  std::uint64_t sent = 0;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t received = 0;
  std::uint64_t answered = 0;
  std::uint64_t repeated = 0;  // messages 1 seen before, answered with the same bytes
  std::uint64_t ignored = 0;   // did not decrypt
  std::uint64_t denied = 0;    // by the owner's list
  std::uint64_t pending_evicted = 0;
};

// Inputs: handle_event() with events of the node, handle_timeout(), commands; then drain
// poll_event() and re-arm next_timeout(). Commands send through the node, so drain it as well.
class Greeter final : public PendingHellos {
 public:
  // `node` and `random` outlive the greeter.
  Greeter(dht::Node& node, const KeyPair& identity, Random& random);
  ~Greeter();

  // --- both sides
  void set_offer(Offer offer);
  const Offer& offer() const;

  // --- server. Only after this, hellos are answered.
  void listen();
  void unlisten();
  // Only these keys are answered; none: everybody but the denied. The others get silence.
  void allow_only(std::optional<std::set<PublicKey>> keys);
  void deny(const PublicKey& key);

  // --- client
  HelloId greet(Now now, const PublicKey& peer, GreetOptions options = {});
  // HelloFailed with Errc::cancelled follows, if the hello was under way. A finished hello's
  // pending entry is forgotten.
  void cancel(Now now, HelloId id);

  // --- streams
  const PendingHello* find_pending(const Bytes32& stream_id) const override;
  // The hello has its stream, or is not wanted any more.
  void forget(HelloId id);

  // --- inputs
  // True when the event belonged to a hello of this machine (or is a hello).
  bool handle_event(Now now, const dht::Event& event);
  void handle_timeout(Now now);

  // --- outputs
  std::optional<GreeterEvent> poll_event();
  std::optional<TimePoint> next_timeout() const;

  const GreeterStats& stats() const;
  std::size_t pending_count() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace cip::overlay
