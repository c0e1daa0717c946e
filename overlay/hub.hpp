#pragma once

// Everything of one participant above the DHT: its connections, the hellos that lead to them, whom
// to connect to, feeds and topics. It puts the parts together, decides which streams stay, and ends
// their turns. It knows links as numbers and bytes; a driver owns them.
//
//   driver ──bytes──► Hub ── Connections ──► Replication, other ChannelHandlers
//   datagrams ─► UdxLinks ──► Connections
//   dht::Node ─events─► Hub ── Greeter, CardReader, Swarm ──► Dialler ──► Connections
//
// Works without a DHT as well (node null): then only dial() and accepted links make streams.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "base/machine.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/node_types.hpp"
#include "overlay/card_reader.hpp"
#include "overlay/channel_handler.hpp"
#include "overlay/connections.hpp"
#include "overlay/dialler.hpp"
#include "overlay/errors.hpp"
#include "overlay/greeter.hpp"
#include "overlay/replication.hpp"
#include "overlay/swarm.hpp"
#include "overlay/transport/link.hpp"
#include "overlay/udx_links.hpp"

namespace cip::dht {
class Announcer;
class Node;
}  // namespace cip::dht

namespace cip::overlay {

// --- what the owner hears

struct StreamUp {
  StreamInfo stream;
  ConnId instead_of = 0;  // of dial(): the peer had this stream already
};
struct StreamDown {
  StreamInfo stream;
  std::error_code error;  // none: given up by this side
  std::string reason;     // as counted
};
// A connection of dial() came to nothing.
struct DialFailed {
  ConnId conn = 0;
  Candidate to;
  std::error_code error;
};
using HubEvent =
    std::variant<StreamUp, StreamDown, DialFailed, FeedNews, GreeterEvent, SwarmEvent, CardRead>;

struct HubOptions {
  KeyPair identity;
  // Streams with these peers only, or not with those (join --allow, --deny).
  std::optional<std::set<PublicKey>> allow;
  std::set<PublicKey> deny;
  // The swarm dials. false: only dial() does.
  bool swarm = true;
  // Streams with stock peers, over UDX.
  bool udx = true;
  // Bytes that downloads may have on their way to the disk, all feeds together.
  std::size_t fetch_ahead = kMostFetchAhead;
};

// Inputs: handle_*() and the commands. After every input: poll_link() until it gives none, then
// udx().poll_datagram(), poll_store_op(), poll_event(), next_timeout(); with a DHT drain its Node
// as well, for // hellos and lookups go through it. Commands on feeds
// (replication().feed(...)->append(...)) are inputs too. Not thread-safe.
class Hub final : private StreamPolicy {
 public:
  // `random`, and `node` and `announcer` if given, outlive the hub.
  Hub(HubOptions options, Random& random, dht::Node* node = nullptr,
      dht::Announcer* announcer = nullptr);
  ~Hub();

  // --- parts

  Replication& replication() { return *replication_; }
  const Replication& replication() const { return *replication_; }
  // Null without a DHT.
  Greeter* greeter() { return greeter_.get(); }
  // Reads by others than the hub end in a HubEvent.
  CardReader* cards() { return cards_.get(); }
  Swarm* swarm() { return swarm_.get(); }
  // What protocols act on. A further one, e.g. topics, is added here before the first stream, and
  // outlives the hub.
  Channels& channels() { return connections_->channels(); }
  // Streams over UDX: their datagrams go in and out here, and settle() ends a turn that had some.
  UdxLinks& udx() { return *udx_; }

  // --- commands

  // Opens a stream where the user said that a peer is, by Noise XX, and there channels for these
  // targets (discovery keys, topic ids). Ends in StreamUp or DialFailed.
  ConnId dial(Now now, const Candidate& to, std::vector<Bytes32> targets = {});
  // Opens the channel for a target on the stream of a peer, now or as soon as there is one.
  void want_on(Now now, const PublicKey& peer, const Bytes32& target);
  void unwant(const Bytes32& target);
  // Closes all streams and stops dialling.
  void stop(Now now);

  // --- inputs: links

  // A link came in. 0: too many that are unproven; close it.
  ConnId handle_accepted(Now now, const Candidate& remote);
  void handle_connected(Now now, ConnId conn);
  // Bytes as they came; they are changed in place and may be dropped afterwards.
  void handle_bytes(Now now, ConnId conn, MutableByteView bytes);
  // The link is gone, or was never made.
  void handle_closed(Now now, ConnId conn, std::error_code error);
  // The driver holds more than it wants to of this connection, and: it has room again.
  void handle_full(ConnId conn);
  void handle_drained(Now now, ConnId conn);

  // --- inputs: the rest

  // True when the event was for this machine alone.
  bool handle_dht_event(Now now, const dht::Event& event);
  void handle_store_done(Now now, store::FeedNumber feed, store::StoreOpId id,
                         store::StoreResult result);
  void handle_timeout(Now now);
  // Ends a turn that began with commands on parts (feeds, downloads, the swarm).
  void settle(Now now);

  // --- outputs

  // Of links that drivers make; those over UDX become datagrams.
  std::optional<LinkAction> poll_link();
  std::optional<store::StoreOp> poll_store_op() { return replication_->poll_store_op(); }
  std::optional<HubEvent> poll_event();
  std::optional<TimePoint> next_timeout() const;

  // --- what is known

  std::vector<StreamStatus> streams() const { return connections_->table().streams(); }
  std::optional<StreamInfo> stream_to(const PublicKey& peer) const {
    return connections_->table().stream_to(peer);
  }
  const ConnectionCounters& counters() const { return connections_->counters(); }
  // Of peers that no hello reached, those that lead somewhere.
  std::uint64_t cards_read() const { return dialler_ ? dialler_->cards_read() : 0; }

 private:
  struct Refusal {
    std::error_code error;
    std::string_view reason;  // as counted
  };

  // StreamPolicy
  bool admit(Now now, Connection& connection) override;
  void opened(Now now, Connection& connection) override;
  void proven(Now now, Connection& connection) override;
  void ended(Now now, const Connection& connection, std::error_code error,
             const std::string& reason) override;
  std::optional<Refusal> refusal(const Connection& connection) const;
  bool yields_to_other(Now now, Connection& connection);
  void open_targets(Now now, Connection& connection);

  // Turns
  void finish_turn(Now now);
  void take_greeter_events(Now now);
  void take_card_events(Now now);
  void take_swarm_events(Now now);

  HubOptions options_;
  std::unique_ptr<Greeter> greeter_;
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<UdxLinks> udx_;
  std::unique_ptr<Replication> replication_;
  std::unique_ptr<CardReader> cards_;
  std::unique_ptr<Swarm> swarm_;
  std::unique_ptr<Dialler> dialler_;               // as the swarm, none without a DHT
  std::map<PublicKey, std::set<Bytes32>> wanted_;  // targets to open on streams of a peer
  Fifo<HubEvent> events_;
};

}  // namespace cip::overlay
