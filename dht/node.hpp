#pragma once

// The whole DHT protocol of one participant: the machine that a driver, or the simulator, feeds.
// Wire: docs/protocol (dht-rpc 6.27, hyperdht 6.34); section numbers in comments are its sections.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "dht/contact.hpp"
#include "dht/drop_reason.hpp"
#include "dht/errors.hpp"
#include "dht/message.hpp"
#include "dht/node_types.hpp"
#include "dht/payloads.hpp"
#include "dht/record_change.hpp"

namespace cip::dht {

class Holepunches;
struct QueryTask;
class RecordCache;
class RoutingTable;
class SizeEstimator;

// Counters since the start. Bytes are the driver's to count.
struct NodeStats {
  std::uint64_t requests_sent = 0;  // first transmissions
  std::uint64_t retransmissions = 0;
  std::uint64_t requests_received = 0;
  std::uint64_t replies_sent = 0;
  std::uint64_t replies_received = 0;  // that matched a request
  std::uint64_t timeouts = 0;          // requests that failed
  std::uint64_t relayed = 0;           // hello and holepunch messages carried for others
  std::uint64_t queries = 0;           // walks begun, upkeep included
};

// Does no I/O, reads no clock, draws no entropy but from the given Random.
//
// Inputs are handle_*() and the commands; outputs are poll_*() and next_timeout(). After every
// input the owner drains the outputs: messages first, then events, then re-arms its one timer.
// Monotonic time never goes backwards. Not thread-safe: one node, one thread. A node that has
// nothing due has no timeout. Commands answer through events; nothing is called back.
class Node {
 public:
  using Options = NodeOptions;

  // `contacts` and `random` outlive the node; many nodes may share both.
  Node(Options options, ContactArena& contacts, Random& random);
  ~Node();
  Node(Node&&) noexcept;
  Node& operator=(Node&&) noexcept;

  // Begins the bootstrap; Ready follows. Requests that come in before are answered already.
  void start(Now now);
  // Fails everything under way and stops; poll the remaining events afterwards. There is no goodbye
  // message in this protocol.
  void stop(Now now);

  // --- inputs

  // A decoded datagram that came from `from` at the socket `local`.
  void handle_message(Now now, SocketRole local, Endpoint from, const Message& message);
  // Call when next_timeout() has come; early calls do no harm.
  void handle_timeout(Now now);
  // The host's interfaces changed. Ports stay.
  void set_interfaces(Now now, std::vector<std::uint32_t> interfaces);
  // A datagram that never became a message: it is only counted.
  void note_drop(DropReason reason);

  // --- contacts

  // A contact named by the user: as in Options::bootstrap, and walks again from there.
  void add_bootstrap(Now now, Endpoint contact);
  // A contact heard of outside the DHT, e.g. by local discovery: it is pinged, and enters the table
  // when it answers. A node that had nobody before then walks again.
  void introduce(Now now, Endpoint contact);
  // Puts contacts into the table as if they had answered just now: the start of a simulated network
  // from global knowledge. Never for contacts of a real network.
  void assume(Now now, std::span<const Contact> proven);

  // Records of an earlier run, as changes once told them; those past their time are left.
  void restore_records(Now now, std::span<const RecordChange> saved);

  // --- single requests

  RequestId ping(Now now, Endpoint to);
  // Any command of dht.md 10 (or of dht.md 4 if `internal`).
  struct RawRequest {
    std::uint64_t command = 0;
    bool internal = false;
    std::optional<Target> target;
    std::optional<Bytes> value;
    std::optional<Bytes32> token;
    std::optional<SocketRole> socket = std::nullopt;  // none: the one that requests leave from
  };
  RequestId request(Now now, Endpoint to, RawRequest raw);

  // --- queries. Each ends with exactly one QueryDone; QueryReply may come before it.

  // The nodes closest to `target`.
  QueryId find_node(Now now, const Target& target, QueryOptions options = {});
  // Who announced themselves under `target`. Replies carry lookup replies.
  QueryId lookup(Now now, const Target& target, QueryOptions options = {});
  // Relays that know the way to the peer whose public key hashes to `target`. Replies carry a peer.
  QueryId find_peer(Now now, const Target& target, QueryOptions options = {});
  // Announces `key` under `target`, with at most 3 relays; H(public key) as target announces the
  // key itself (dht.md 16: then give no relays and 3 replicas). Also a lookup (or find_peer):
  // replies come.
  QueryId announce(Now now, const Target& target, const KeyPair& key,
                   const std::vector<Endpoint>& relays, QueryOptions options = {});
  QueryId unannounce(Now now, const Target& target, const KeyPair& key, QueryOptions options = {});
  // Asks this one node for a token and then to forget the announce; ends with one QueryDone.
  QueryId unannounce_at(Now now, Endpoint node, const Target& target, const KeyPair& key);
  // The target is H(value), respectively H(public key). Values above kMaxOwnValueSize are refused.
  Result<QueryId> put_immutable(Now now, Bytes value, QueryOptions options = {});
  QueryId get_immutable(Now now, const Target& target, QueryOptions options = {});
  Result<QueryId> put_mutable(Now now, const KeyPair& key, std::uint64_t seq, Bytes value,
                              QueryOptions options = {});
  // A value that is signed already: what its owner, or whoever read it, puts again.
  Result<QueryId> put_signed(Now now, const MutablePut& put, QueryOptions options = {});
  // Replies carry mutable values whose signature verified under `key`; the highest seq counts.
  QueryId get_mutable(Now now, const PublicKey& key, std::uint64_t lowest_seq,
                      QueryOptions options = {});
  // The query ends with Errc::cancelled. Unknown ids are ignored.
  void cancel(Now now, QueryId query);

  // --- hellos (dht.md 12)

  // From now on hellos for H(key) come up as HelloReceived, and find_peer for it is answered.
  void listen(const PublicKey& key);
  void unlisten(const PublicKey& key);
  // Carries Noise message 1 to the peer under `target` by way of `via`: a relay, or the peer
  // itself. `relay` names a further relay that `via` passes it on to. Ends with HelloReply or
  // HelloFailed.
  RequestId send_hello(Now now, Endpoint via, const Target& target, Bytes noise,
                       std::optional<Endpoint> relay = std::nullopt);
  // Sends Noise message 2 back the way message 1 came. A retransmitted message 1 comes up again:
  // the owner gives the same answer to the same bytes.
  void answer_hello(Now now, const HelloTicket& ticket, Bytes noise);

  // Holepunch messages: what is sent through here leaves by poll_message() as all else.
  Holepunches& holepunches();

  // --- outputs

  std::optional<Outgoing> poll_message();
  std::optional<Event> poll_event();
  // For the copy of stored records on disk (Options::tell_record_changes).
  std::optional<RecordChange> poll_record_change();
  // When the next work is due; none: nothing is.
  std::optional<TimePoint> next_timeout() const;

  // --- what it knows

  const Options& options() const;
  // Id of the table: of the address in the widest realm, random while none is known.
  NodeId id() const;
  // Own address in a realm, as far as it is believed; port is the server socket's as seen there.
  std::optional<Endpoint> address(Realm realm) const;
  // The widest of them.
  std::optional<Endpoint> address() const;
  // Public address for others to connect to directly (dht.md 12); none behind a NAT.
  std::optional<Endpoint> public_address() const;
  bool is_persistent() const;
  bool is_firewalled() const;
  bool is_ready() const;
  NatView nat_view() const;
  const RoutingTable& table() const;
  // Records and values stored here for others.
  const RecordCache& records() const;
  // Network size by the density of finished walks; null before the first.
  const SizeEstimator* size_estimator() const;
  const NodeStats& stats() const;
  const DropCounters& drops() const;
  std::size_t queries_running() const;
  std::size_t requests_in_flight() const;
  // This node's own memory in bytes, heap included; contacts in the shared arena are not.
  std::size_t memory_bytes() const;
  // For a driver of very many nodes: asks the processor for what this node's next input touches.
  // Each step follows pointers that lie in the one before, which should have arrived by then; the
  // last is for each id that the table is asked about.
  void prefetch() const;
  void prefetch_table() const;
  void prefetch_bucket(const NodeId& id) const;

 private:
  struct Parts;
  QueryId begin(Now now, const Target& target, QueryTask task, QueryOptions options);

  std::unique_ptr<Parts> parts_;
};

Node::RawRequest ping_request();

}  // namespace cip::dht
