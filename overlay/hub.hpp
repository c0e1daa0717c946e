#pragma once

// Everything of one participant above the DHT: its connections, the hellos that lead to them, whom
// to connect to, feeds and topics. It knows connections as numbers and bytes; a driver owns the
// links.
//
//   driver ──bytes──► Hub ── SecretStream ── Mux ──► Replication, other ChannelHandlers
//   dht::Node ─events─► Hub ── Greeter, Swarm
//
// Works without a DHT as well (node null): then only dial() and accepted links make streams.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
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
#include "overlay/errors.hpp"
#include "overlay/greeter.hpp"
#include "overlay/replication.hpp"
#include "overlay/swarm.hpp"
#include "overlay/transport/link.hpp"
#include "overlay/transport/mux.hpp"
#include "overlay/transport/secret_stream.hpp"

namespace cip::dht {
class Announcer;
class Node;
}  // namespace cip::dht

namespace cip::overlay {

// Links whose other side has not proven itself (dht.md 18.2): in all, of one address, and of
// loopback, which many nodes may share.
inline constexpr std::size_t kMaxUnproven = 256;
inline constexpr std::size_t kMaxUnprovenPerIp = 4;
inline constexpr std::size_t kMaxUnprovenLoopback = 64;
// Unfinished frames of all streams together; above it the stream with the largest one is closed.
inline constexpr std::size_t kMaxUnfinishedBytes = 64 << 20;
// Streams with peers, whoever dialled. Above it accepted ones are closed when they are proven.
inline constexpr std::size_t kMaxStreams = 256;
// Bytes of one stream that wait to be taken by the driver; above it a stream is not writable.
inline constexpr std::size_t kOutputHighWater = 1 << 20;

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
};

struct HubCounters {
  std::uint64_t accepted = 0;
  std::uint64_t dialled = 0;
  std::uint64_t opened_bound = 0;
  std::uint64_t opened_xx = 0;
  std::uint64_t cards_read = 0;  // that lead somewhere, of peers that no hello reached
  std::map<std::string, std::uint64_t> closed;  // by reason
};

// One open stream, for status.
struct StreamStatus {
  StreamInfo stream;
  TimePoint since{};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::size_t channels = 0;
};

// Inputs: handle_*() and the commands. After every input: poll_link() until it gives none, then
// poll_store_op(), then poll_event(), then next_timeout(); with a DHT drain its Node as well, for
// hellos and lookups go through it. Commands on feeds (replication().feed(...)->append(...)) are
// inputs too. Not thread-safe.
class Hub final : public Streams {
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
  // A further protocol, e.g. topics. It outlives the hub; add it before the first stream.
  void add_protocol(ChannelHandler& handler);

  // --- commands

  // Opens a stream where the user said that a peer is, by Noise XX, and there channels for these
  // targets (discovery keys, topic ids). Ends in StreamUp or DialFailed.
  ConnId dial(Now now, Candidate to, std::vector<Bytes32> targets = {});
  // Opens the channel for a target on the stream of a peer, now or as soon as there is one.
  void want_on(Now now, const PublicKey& peer, const Bytes32& target);
  void unwant(const Bytes32& target);
  // Closes all streams and stops dialling.
  void stop(Now now);

  // --- inputs: links

  // A link came in. 0: too many that are unproven; close it.
  ConnId handle_accepted(Now now, Candidate remote);
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

  std::optional<LinkAction> poll_link();
  std::optional<store::StoreOp> poll_store_op() { return replication_->poll_store_op(); }
  std::optional<HubEvent> poll_event();
  std::optional<TimePoint> next_timeout() const;

  // --- what is known

  std::vector<StreamStatus> streams() const;
  std::optional<StreamInfo> stream_to(const PublicKey& peer) const;
  const HubCounters& counters() const { return counters_; }

  // --- Streams: for the protocols on channels

  ChannelId open_channel(ConnId conn, std::string_view protocol, ByteView id,
                         ByteView handshake) override;
  void reject_channel(ConnId conn, ChannelId remote_channel) override;
  void send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView payload) override;
  void send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView head,
            ByteView tail) override;
  void close_channel(ConnId conn, ChannelId channel) override;
  void destroy(ConnId conn, std::string_view why, std::error_code error) override;
  bool is_writable(ConnId conn) const override;
  void hold_reading(ConnId conn) override;
  void release_reading(ConnId conn) override;
  StreamHeard heard(ConnId conn) const override;

 private:
  struct Connection;
  struct Attempt;

  Connection* find(ConnId conn) const;
  Connection& add_connection(Now now, Candidate remote, bool outgoing);
  ConnId open_link(Now now, Candidate to);
  ChannelHandler* handler_of(std::string_view protocol) const;

  // Turns
  void finish_turn(Now now);
  void close_doomed(Now now);
  void close_connection(Now now, ConnId conn, std::error_code error, std::string reason,
                        bool transport_gone);
  void doom(Connection& connection, std::error_code error, std::string reason);
  void mark(Connection& connection);
  void resume_writers(Now now);
  void update_hold(Connection& connection);
  void bound_unfinished(Connection& fresh);

  // Streams
  bool may_accept(const Candidate& remote) const;
  void note_proven(Connection& connection);
  void drain_stream(Now now, Connection& connection);
  void drain_mux(Now now, Connection& connection);
  void handle_mux_event(Now now, Connection& connection, const MuxEvent& event);
  void stream_opened(Now now, Connection& connection);
  struct Refusal {
    std::error_code error;
    std::string_view reason;  // as counted
  };
  std::optional<Refusal> refusal(const Connection& connection) const;
  bool yields_to_other(Now now, Connection& connection);
  void open_targets(Now now, Connection& connection);
  void open_target(Now now, ConnId conn, const Bytes32& target);

  // Hellos (hub_dial.cpp)
  void take_greeter_events(Now now);
  void take_swarm_events(Now now);
  void hello_failed(Now now, const HelloFailed& failed);
  void take_card_events(Now now);
  void dial_by_card(Now now, const CardRead& read);
  void hello_done(Now now, const HelloDone& done);
  void dial_back(Now now, const DialBackRequested& request);
  void continue_attempts(Now now);
  void dial_next(Now now, Attempt& attempt);
  void attempt_lost(Now now, const Connection& connection, std::error_code error);
  void end_attempt(Now now, HelloId id, std::error_code error);
  void bound_proven(Now now, Connection& connection);
  void close_siblings(const Connection& kept);

  HubOptions options_;
  Random& random_;
  dht::Node* node_ = nullptr;
  std::unique_ptr<Replication> replication_;
  std::unique_ptr<Greeter> greeter_;
  std::unique_ptr<CardReader> cards_;
  std::unique_ptr<Swarm> swarm_;
  std::vector<ChannelHandler*> handlers_;
  std::map<ConnId, std::unique_ptr<Connection>> connections_;
  ConnId next_conn_ = 1;
  std::map<std::uint32_t, std::size_t> unproven_;  // by address
  std::size_t unproven_total_ = 0;
  std::map<PublicKey, std::set<Bytes32>> wanted_;  // targets to open on streams of a peer
  std::map<HelloId, Attempt> attempts_;
  std::map<dht::QueryId, std::error_code> card_reads_;  // of the hub; why the hello failed
  HelloId next_card_attempt_;
  std::vector<ConnId> dirty_;   // have something to flush, or to write
  std::vector<ConnId> doomed_;  // are closed when the turn ends
  std::deque<LinkAction> actions_;
  Fifo<HubEvent> events_;
  std::deque<ConnId> outputs_;  // with bytes to be taken
  HubCounters counters_;
  Now now_;  // of the last input
  bool stopped_ = false;
};

}  // namespace cip::overlay
