#pragma once

// Hellos, both sides, as a machine over dht::Node (dht.md 12 and 18).
//
// Client: greet() walks the DHT to nodes that know the peer, sends Noise IK message 1 to at most
// two of them at once, and takes the first answer that decrypts. Server: answers hellos that reach
// this node with the endpoints of its TCP listener, and keeps what is needed to recognise the
// stream that follows. Nothing here dials; the owner does, after HelloDone or DialBackRequested.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "base/machine.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/node_types.hpp"
#include "overlay/dial_policy.hpp"
#include "overlay/errors.hpp"
#include "overlay/hello_client.hpp"
#include "overlay/hello_offer.hpp"
#include "overlay/hello_server.hpp"
#include "overlay/pending_table.hpp"
#include "overlay/transport/bound.hpp"
#include "overlay/transport/link.hpp"

namespace cip::dht {
class Node;
}

namespace cip::overlay {

// Hellos sent to relays at once; one more when the caller named relays.
inline constexpr std::size_t kHellosAtOnce = 2;
// Hellos under way as client.
inline constexpr std::size_t kMaxGreetings = 256;
// Nodes tried for one hello; a walk finds three relays of a healthy peer.
inline constexpr std::size_t kMaxRelaysTried = 20;

struct GreetOptions {
  std::vector<Endpoint> relays = {};  // nodes to try first: of a record or an earlier hello
  bool walk = true;                   // also walk the DHT
  bool dial_back = false;             // message 1 asks the peer to dial this node
  Endpoint peer_seen{};               // with dial_back: HelloDone::server of the hello before
  bool finish_walk = false;           // the walk goes on to its end after the answer
  bool with_stream = false;           // offers a stream over UDX
};

enum class PeerKind : std::uint8_t { cipnode, stock };

// A hello was answered by the holder of the key.
struct HelloDone {
  HelloId id = 0;
  PublicKey peer{};
  PeerKind kind = PeerKind::stock;
  BoundKeys keys;                  // with `candidates`
  std::uint64_t capabilities = 0;  // of the peer's trailer
  std::vector<Candidate>
      candidates;                 // to dial, in order (dial_policy); none: no stream leads there
  UdxEnds udx;                    // of a candidate over UDX; who does not dial it destroys it
  std::vector<Endpoint> offered;  // all IPv4 endpoints of the trailer
  std::vector<Endpoint6> offered6;
  Endpoint server;                    // the peer's UDP address as `via` sees it; see seen_from()
  Endpoint own_address;               // this node as `via` sees it
  Endpoint via;                       // who passed the hello on, or the peer itself
  bool direct = false;                // answered by the peer itself
  bool dial_back_asked = false;       // the peer was asked to dial; keys are pending here
  std::uint64_t firewall = 0;         // as the peer says of itself
  std::vector<Endpoint> peer_relays;  // the peer's current relays, for the next time
  std::vector<Endpoint> relays;       // nodes that were found to know the peer
  Duration rtt{};                     // of the hello that was answered
};

// The walk of a greeting has ended: before HelloFailed, before or after HelloDone. It says
// dht::Errc::cancelled when the hello was answered before and the walk not wanted any more.
struct WalkDone {
  HelloId id = 0;
  dht::QueryDone walk;
};

struct HelloFailed {
  HelloId id = 0;
  PublicKey peer{};
  std::error_code error;  // nobody_announces, no_node_answered, no_hello_answer, hello_refused,
                          // cancelled, too_many_hellos, bad_point
  std::uint64_t peer_error = 0;  // what the peer answered, for hello_refused
  std::vector<Endpoint> relays;
};

// A peer greeted this node and was answered; it may dial now. The stream of a cipnode is recognised
// through find_pending().
struct HelloAnswered {
  HelloId id = 0;
  PublicKey peer{};
  Endpoint seen;  // where it was seen
};
// A peer greeted this node and was offered a stream over UDX. A cipnode may call it; that of a
// stock peer is to be connected, or to be destroyed.
struct StreamExpected {
  HelloId id = 0;
  BoundKeys keys;
  Candidate from;
  UdxEnds udx;
};
// Such a peer asks to be dialled (with dial_bound(keys)); candidates are filtered and limited.
struct DialBackRequested {
  HelloId id = 0;
  BoundKeys keys;
  std::vector<Candidate> candidates;
};
using GreeterEvent = std::variant<HelloDone, WalkDone, HelloFailed, HelloAnswered, StreamExpected,
                                  DialBackRequested>;

// Counters since the start.
struct GreeterStats {
  std::uint64_t sent = 0;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t received = 0;
  std::uint64_t answered = 0;
  std::uint64_t repeated = 0;         // messages 1 seen before, answered with the same bytes
  std::uint64_t ignored = 0;          // did not decrypt
  std::uint64_t denied = 0;           // by the owner's lists
  std::uint64_t throttled = 0;        // above kHellosPerSecond
  std::uint64_t replayed = 0;         // answered before, and too old to be a repetition
  std::uint64_t pending_evicted = 0;  // above kMaxPendingHellos
  std::uint64_t dials_refused = 0;    // dials back above kMaxDialsBackPerIp
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
  const Offer& offer() const { return offer_; }
  // Streams over UDX are made here, and holes for them if there are NATs; both outlive it. Null, as
  // at first: there are none.
  void offer_streams(UdxStreams* udx, Punches* punches = nullptr);

  // --- server. Only after this, hellos are answered.
  void listen();
  void unlisten();
  // Only these keys are answered; none: everybody but the denied. The others get silence.
  void allow_only(std::optional<std::set<PublicKey>> keys) { server_.allow_only(std::move(keys)); }
  void deny(const PublicKey& key) { server_.deny(key); }

  // --- client
  HelloId greet(Now now, const PublicKey& peer, GreetOptions options = {});
  // HelloFailed with Errc::cancelled follows, if the hello was under way. A finished hello's
  // pending entry is forgotten.
  void cancel(Now now, HelloId id);

  // --- streams
  const PendingHello* find_pending(const Bytes32& id) const override {
    return pending_.find_pending(id);
  }
  // The hello has its stream, or is not wanted any more: an end over UDX that nobody called goes.
  void forget(Now now, HelloId id);

  // --- inputs
  // True when the event belonged to a hello of this machine (or is a hello).
  bool handle_event(Now now, const dht::Event& event);
  void handle_timeout(Now now) { pending_.expire(now); }

  // --- outputs
  std::optional<GreeterEvent> poll_event();
  std::optional<TimePoint> next_timeout() const { return pending_.next_timeout(); }

  GreeterStats stats() const;
  std::size_t pending_count() const { return pending_.size(); }
  std::size_t greetings_running() const { return greetings_.size(); }

 private:
  struct Greeting;

  // client
  bool handle_query_reply(Now now, const dht::QueryReply& reply);
  bool handle_walk_done(Now now, const dht::QueryDone& done);
  bool handle_reply(Now now, const dht::HelloReply& reply);
  bool handle_failure(Now now, const dht::HelloFailed& failure);
  Greeting* take_request(dht::RequestId request);
  void proceed(Now now, Greeting& greeting);
  void finish(Now now, Greeting& greeting, const dht::HelloReply& reply,
              const HelloClient::Answer& answer);
  void offer_tcp(Now now, Greeting& greeting, const HelloClient::Answer& answer, HelloDone& done);
  void fail_greeting(Now now, Greeting& greeting, std::error_code error,
                     std::uint64_t peer_error = 0);
  void end(Now now, Greeting& greeting);
  // server
  bool handle_hello(Now now, const dht::HelloReceived& hello);
  void dial_back(Now now, HelloId id, const HelloServer::Answer& answer);

  dht::Node& node_;
  Random& random_;
  KeyPair identity_;
  dht::Target target_;  // of the own key
  Offer offer_;
  UdxStreams* udx_ = nullptr;
  Punches* punches_ = nullptr;
  HelloServer server_;
  PendingTable pending_;
  DialBackLimiter dials_back_;
  HelloId last_id_ = 0;
  std::map<HelloId, std::unique_ptr<Greeting>> greetings_;
  std::map<dht::QueryId, HelloId> walks_;
  std::map<dht::RequestId, HelloId> requests_;
  Fifo<GreeterEvent> events_;
  GreeterStats stats_;
};

}  // namespace cip::overlay
