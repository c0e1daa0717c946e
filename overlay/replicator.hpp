#pragma once

// One feed and the peers it is exchanged with (feeds.md 10; peer implementation: npm hypercore,
// lib/replicator.js). Each peer is a channel on some stream. What is wanted is fetched in order,
// from all peers that have it at once; what others ask for is answered in the order they ask.
//
// A machine on top of a Feed: its owner hands it messages of channels and events of the feed, and
// calls flush() when an input is done; it acts on the feed and on Streams. It never drains the
// feed's outputs.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/machine.hpp"
#include "base/number_map.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "overlay/channel_handler.hpp"
#include "overlay/feed_messages.hpp"
#include "overlay/fetch_budget.hpp"
#include "overlay/request_table.hpp"
#include "store/feed.hpp"

namespace cip::overlay {

// Requests under way to one peer. The count starts low and grows by each answer, so that a peer
// that answers fast is kept busy; bytes bound it for large blocks. Stock peers keep 48.
inline constexpr std::size_t kFirstRequests = 64;
inline constexpr std::size_t kMaxRequests = 1024;
inline constexpr std::size_t kMaxRequestBytes = 8 << 20;
// Of all peers of a feed together; stays below what the feed lets wait.
inline constexpr std::size_t kMaxRequestsOfFeed = store::kMaxWaiting / 2;
// To one peer, as a part of what may wait for the disk.
inline constexpr std::size_t kRequestShare = 4;
// Streams are not read while a feed has so many times as much waiting for the disk as all may have,
// should blocks be larger than what is known of the feed let expect.
inline constexpr std::size_t kStopReadingAbove = 2;
// Answers for one peer that are being made, in number and bytes, and for all peers of the feed. The
// number bounds what a peer can call for that asks for the only large blocks of a feed of small
// ones.
inline constexpr std::size_t kMaxReplies = 128;
inline constexpr std::size_t kMaxReplyBytes = 4 << 20;
inline constexpr std::size_t kMaxRepliesOfFeed = store::kMaxWaiting / 2;
// Requests of one peer that wait; above it its stream is not read.
inline constexpr std::size_t kMaxWaitingRequests = 4096;
// A peer that sent nothing for so long loses its requests to others that have the blocks.
inline constexpr Duration kStallTimeout = std::chrono::seconds(15);
// A peer that let requests wait for so long is asked nothing more until it answers; if not even a
// keep-alive came meanwhile it is gone, and its stream ends.
inline constexpr Duration kSilenceLimit = 2 * kStallTimeout;
// A request that another peer could answer is late after this long, or after this many times what
// that peer needs for an answer; it is then taken away and asked for there.
inline constexpr Duration kLateAfter = std::chrono::milliseconds(500);
inline constexpr int kLateFactor = 4;
inline constexpr std::size_t kLeastRequests = 4;
// A peer whose proof was wrong may show within this time that its feed has another history.
inline constexpr Duration kConflictWait = std::chrono::seconds(5);
// A peer for which answers wait while nothing of what was sent before leaves: it never reads.
inline constexpr Duration kNeverReads = std::chrono::minutes(2);
// Data that was not asked for, less one for each answer that was; an honest peer sends some after
// cancels that crossed its answers.
inline constexpr std::size_t kMaxUnasked = 64;
// Announcements that wait for a full stream; older ones are forgotten, which only means that these
// blocks are not asked of us.
inline constexpr std::size_t kMaxMissedRanges = 256;
// Of the blocks that a peer could give, so many at a time are looked at for the rarest.
inline constexpr std::size_t kRarestAmong = 1024;
// Larger blocks are announced and asked for, not pushed.
inline constexpr std::size_t kMaxPushedBlock = 64 << 10;
// Searches for byte offsets under way.
inline constexpr std::size_t kMaxSeeks = 256;
inline constexpr std::size_t kMaxExtensionName = 128;
inline constexpr std::size_t kMaxExtensionBytes = 64 << 10;
// As stock: refusals of one kind until a peer is not asked any more, malformed requests until its
// stream is destroyed, segments of wants remembered.
inline constexpr std::size_t kMaxRefusals = 32;
inline constexpr std::size_t kMaxInvalidRequests = 64;
inline constexpr std::size_t kMaxWants = 512;
// While a feed is incomplete only blocks that close to its end are announced unasked, as in
// line 11.
inline constexpr std::uint64_t kAnnouncedTail = 256;
// A side that wants nothing any more says so after this long, as stock after 20 to 40 s.
inline constexpr Duration kInterestLinger = std::chrono::seconds(30);
// How long nothing more than an empty feed must be shown until it counts as really empty.
inline constexpr Duration kEmptyFeedWait = std::chrono::seconds(2);
inline constexpr Duration kProgressInterval = std::chrono::milliseconds(100);

// Names a download of one Replicator; never 0.
using DownloadId = std::uint64_t;
// Names a search for a byte offset of one Replicator; never 0.
using SeekId = std::uint64_t;
// Names a peer of one Replicator; never reused.
using PeerNumber = std::uint32_t;

enum class BlockOrder : std::uint8_t { linear, rarest_first };

struct DownloadOptions {
  std::uint64_t start = 0;
  std::optional<std::uint64_t> end{};  // none: to the length that peers show
  bool follow = false;                 // never done: what is appended later is wanted too
  // No blocks: done when no peer in reach can prove a longer feed, or history.
  bool length_only = false;
  BlockOrder order = BlockOrder::linear;
  std::uint64_t priority = 0;  // above 0: seeders answer these requests first
};

// What was fetched and served since the start.
struct ReplicationCounters {
  std::uint64_t blocks_fetched = 0;
  std::uint64_t bytes_fetched = 0;
  std::uint64_t blocks_served = 0;
  std::uint64_t bytes_served = 0;
  std::uint64_t requests_sent = 0;
  std::uint64_t refusals = 0;  // no-data for own requests
  std::uint64_t retries = 0;   // blocks that were asked for again
  std::uint64_t pushes_sent = 0;
  std::uint64_t pushes_taken = 0;
  std::uint64_t late = 0;  // of these, because another peer could be faster
};

// Blocks of a download's range that came since it began, whatever they were asked for.
struct Fetched {
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
};

// Every wanted block is held, and no peer in reach claims a longer feed that it can prove. Of a
// download that does not follow it is the end; of one that follows it comes each time.
struct InSync {
  DownloadId download = 0;
  std::uint64_t length = 0;  // of the feed
  bool finished = false;
  Fetched fetched{};
};
// Blocks came in; at most every kProgressInterval.
struct Progress {
  std::uint64_t blocks_fetched = 0;
  std::uint64_t bytes_fetched = 0;
};
// The end of a seek(). Errors: out_of_range, overloaded, or what the feed says of its disk.
struct SeekDone {
  SeekId seek = 0;
  Result<store::Position> position;
};
// An extension message came. The name is never empty.
struct ExtensionReceived {
  ConnId conn = 0;
  std::string name;
  Bytes payload;
};
// A peer's upgrade made the feed longer.
struct LengthGrew {
  std::uint64_t length = 0;
};
// A peer proved a later fork, signed by the writer, of a feed that does not follow forks.
struct LaterForkProved {
  std::uint64_t fork = 0;
};
// A peer is not asked any more: it sent a wrong proof (reason of the store), which ends its stream
// with a reason that is counted, or refused too often.
struct PeerRejected {
  ConnId conn = 0;
  std::error_code reason;
};
// A peer showed a second signed history: nothing is exchanged any more.
struct FeedFrozen {
  ConnId conn = 0;
};
using ReplicatorEvent = std::variant<InSync, Progress, LengthGrew, LaterForkProved, PeerRejected,
                                     FeedFrozen, ExtensionReceived, SeekDone>;

// What is known of one peer, for status and policy.
struct ReplicatorPeerInfo {
  ConnId conn = 0;
  std::uint64_t fork = 0;
  std::uint64_t length = 0;
  std::uint64_t contiguous = 0;
  bool rejected = false;
  bool stalled = false;  // it let requests wait, see kSilenceLimit
};

// What a download still waits for.
struct DownloadState {
  std::uint64_t missing = 0;  // wanted blocks that are not held, as far as the length is known
  std::uint64_t first = 0;    // the first of them
  std::size_t holders = 0;    // peers that say they have the first one
  std::uint64_t offered = 0;  // the first of them that some peer has; the end of the download: none
  std::size_t unheard = 0;    // peers that have not said yet what they have
  std::size_t requests = 0;   // under way, of the whole feed
  std::optional<std::uint64_t> claim;  // a longer feed that some peer claims
  TimePoint heard{};                   // when somebody of whom something is wanted sent something
  Fetched fetched{};
  bool waits_for_disk = false;  // asks for nothing more until the disk has what came
};

class Replicator {
 public:
  // All outlive it.
  Replicator(store::Feed& feed, Streams& streams, FetchBudget& budget);
  ~Replicator();

  // --- commands

  // Fetches what is not held yet. InSync with `finished` ends it, unless it follows.
  DownloadId download(Now now, DownloadOptions options);
  void cancel(Now now, DownloadId id);
  // Nobody else is known who could have the feed: an empty one is believed as soon as all peers say
  // so.
  void note_all_asked(DownloadId id);
  // Channels stay open and report interest although nothing is wanted (feeds seeded or our own).
  void set_keep_open(bool keep_open);
  // Blocks that turn out to be damaged are given up, to be fetched again: for feeds of others.
  void set_heal(bool heal) { heals_ = heal; }
  // Finds the block of a byte offset (Feed::seek), asking peers for what the tree here lacks:
  // SeekDone. While nobody can tell it waits; cancel_seek() ends that.
  SeekId seek(std::uint64_t offset, std::uint64_t padding = 0);
  void cancel_seek(SeekId id);
  // Takes new blocks that a download wants from peers that send them unasked (feeds.md 10.7).
  void set_accept_push(bool accept);
  // Extension messages become events; otherwise they are dropped, which is the default.
  void set_extensions(bool exposed) { exposes_extensions_ = exposed; }
  // To one peer (0: to all). False: name or payload is above its bound.
  bool send_extension(ConnId conn, std::string_view name, ByteView payload);
  // Blocks start..end-1 are held no longer (Feed::clear): peers are told.
  void note_cleared(Now now, std::uint64_t start, std::uint64_t end);

  // --- peers: channels that both sides have opened and whose capability was checked

  PeerNumber add_peer(Now now, ConnId conn, ChannelId channel);
  void remove_peer(Now now, PeerNumber peer);
  // False: the bytes do not decode and the stream is to be destroyed.
  [[nodiscard]] bool handle_message(Now now, PeerNumber peer, std::uint32_t type, ByteView payload);

  // --- other inputs

  // True when the event answers this machine; events without a ticket are never only its own.
  bool handle_feed_event(Now now, store::FeedEvent& event);
  void handle_timeout(Now now);
  // The feed has less to write than before; a stream has room again.
  void note_room() { dirty_ = true; }
  // Sends what the inputs so far call for. Touches the feed: drain it afterwards.
  void flush(Now now);

  // --- outputs

  std::optional<ReplicatorEvent> poll_event();
  std::optional<TimePoint> next_timeout() const;

  // --- what is known

  // Something is wanted or served, so that channels are worth having.
  bool is_interested() const;
  // Whether something is wanted that is not held, or nothing is known of the length yet.
  bool is_downloading() const;
  bool has_peer(PeerNumber peer) const { return peers_.contains(peer); }
  std::vector<ReplicatorPeerInfo> peers() const;
  // Nothing once the download has ended.
  // `from`: without regard to what lies before.
  std::optional<DownloadState> state_of(DownloadId id, std::uint64_t from = 0) const;
  const ReplicationCounters& counters() const { return counters_; }

 private:
  struct Peer;
  struct Download;
  // A proof that the feed is checking: who sent it and for what.
  struct Incoming {
    PeerNumber peer = 0;
    std::optional<std::uint64_t> block;
    std::uint64_t fork = 0;
    std::size_t bytes = 0;
    bool upgrade = false;
    bool relied_on_earlier = false;
    bool pushed = false;
    SeekId seek = 0;
  };
  // The proofs that came in this turn, and what is known of each. All of a turn are handed to the
  // feed together, since many blocks are hashed faster than one.
  struct Arrivals {
    std::vector<store::Proof> proofs;
    std::vector<Incoming> incoming;
  };
  struct Seek {
    SeekId id = 0;
    std::uint64_t offset = 0;
    std::uint64_t padding = 0;
    store::Ticket ticket = 0;              // the feed is looking
    std::optional<std::uint64_t> missing;  // what a peer must tell
    bool is_asked = false;
    std::unordered_set<PeerNumber> refused;
  };

  Peer* find(PeerNumber number);
  void lose_requests(Peer& peer, bool tell);
  void reject(Now now, Peer& peer, std::error_code reason);
  void give_up(std::uint64_t damaged);
  void wanted_again(std::uint64_t block);
  void note_stored(std::uint64_t start, std::uint64_t end);
  void need_syncs();
  void look_again_everywhere();

  // Messages
  bool handle_sync(Now now, Peer& peer, ByteView payload);
  bool handle_request(Now now, Peer& peer, ByteView payload);
  bool handle_cancel(Peer& peer, ByteView payload);
  bool handle_data(Now now, Peer& peer, ByteView payload);
  void apply_arrived();
  bool handle_no_data(Now now, Peer& peer, ByteView payload);
  bool handle_want(Peer& peer, ByteView payload, bool wanted);
  bool handle_bitfield(Peer& peer, ByteView payload);
  bool handle_range(Peer& peer, ByteView payload);
  bool handle_extension(Peer& peer, ByteView payload);

  // Downloading (replicator_download.cpp)
  bool wants_upgrade() const;
  void request_upgrade(Now now);
  bool request_fork(Now now);
  bool may_ask(const Peer& peer) const;
  void request_blocks(Now now, Peer& peer);
  std::optional<std::uint64_t> next_block(Peer& peer, std::uint64_t& priority);
  std::optional<std::uint64_t> rarest_block_of(Peer& peer, const Download& download);
  std::size_t holders_of(std::uint64_t block) const;
  void request_block(Now now, Peer& peer, std::uint64_t block, std::uint64_t priority);
  std::optional<std::uint64_t> next_block_of(Peer& peer, const Download& download);
  void send_want(Peer& peer, std::uint64_t index);
  void send_request(Now now, Peer& peer, RequestMessage message, InFlight request);
  std::uint64_t levels_to_ask(Peer& peer, std::uint64_t block, bool& relies_on_earlier);
  std::size_t request_limit(const Peer& peer) const;
  void answered(Now now, Peer& peer, const InFlight& request);
  void refused(Now now, Peer& peer, const InFlight& request, NoDataReason reason);
  std::optional<Incoming> take_incoming(store::Ticket ticket);
  void handle_applied(Now now, const store::Applied& applied);
  bool handle_rejected(Now now, const store::Rejected& rejected);
  bool handle_conflict_checked(Now now, const store::ConflictChecked& checked);

  // Pushes (replicator_push.cpp)
  bool handle_unrequested(Peer& peer, store::Proof proof);
  bool is_wanted(std::uint64_t block) const;
  void push(std::uint64_t block);
  bool handle_push_proof(store::ProofReady& ready);

  // Byte offsets (replicator_seek.cpp)
  void look(Seek& seek);
  Seek* find_seek(SeekId id);
  bool handle_sought(const store::Sought& sought);
  void request_seeks(Now now);
  void seek_failed(SeekId id, PeerNumber peer);

  // Peers that fail (replicator_conduct.cpp)
  void check_stalled(Now now);
  bool has_other(const Peer& peer) const;
  TimePoint last_heard(const Peer& peer) const;
  TimePoint next_check(const Peer& peer) const;
  void fell_silent(Now now, Peer& peer);
  void take_late(Now now);
  bool take_late_from(Now now, Peer& slow, Peer& idle);
  Duration late_after(const Peer& idle) const;
  bool is_idle(Peer& peer);
  void check_conduct(Now now);
  void end_stream(Peer& peer, std::string_view why, std::error_code error);
  void note_unasked(Peer& peer);

  // The end of a download
  void check_in_sync(Now now);
  bool is_in_sync(Now now, Download& download);
  bool has_longer_peer() const;

  // Serving and announcing (replicator_upload.cpp)
  void serve(Now now, Peer& peer);
  bool send_reply(Now now, Peer& peer);
  std::size_t reply_limit(const Peer& peer) const;
  void begin_reply(Now now, Peer& peer);
  void update_hold(Peer& peer);
  bool handle_proof(Now now, store::ProofReady& ready);
  void answer_wants(Peer& peer);
  void answer_want(Peer& peer, const WantMessage& want);
  void announce_missed(Peer& peer);
  void announce(Peer& peer, std::uint64_t start, std::uint64_t end);
  void announce_stored();
  void announce_to(Peer& peer);
  void sync_peers(Now now);
  void send_sync(Peer& peer);
  bool can_upgrade(const Peer& peer) const;
  bool says_downloading(Now now) const;
  void emit_progress(Now now);

  store::Feed& feed_;
  Streams& streams_;
  FetchBudget::Share share_;
  std::map<PeerNumber, std::unique_ptr<Peer>> peers_;  // ordered: replays must not differ
  PeerNumber next_peer_ = 1;
  std::vector<Download> downloads_;
  DownloadId next_download_ = 1;
  store::Bitfield in_flight_;  // blocks requested, or being checked
  Arrivals arrived_;
  NumberMap<Incoming> incoming_;   // by ticket
  NumberMap<PeerNumber> proving_;  // by ticket
  std::unordered_map<store::Ticket, PeerNumber> conflict_checks_;
  std::unordered_map<store::Ticket, PeerNumber> pushing_;
  std::vector<Seek> seeks_;
  SeekId next_seek_ = 1;
  bool accepts_push_ = false;
  std::vector<store::BlockRange> stored_;      // since the last flush, to be announced
  std::unordered_set<std::uint64_t> careful_;  // blocks whose proof must not rely on others
  PeerNumber upgrading_ = 0;                   // whose upgrade is requested or being checked
  bool keep_open_ = false;
  bool failed_ = false;  // the feed cannot write any more
  bool heals_ = false;
  bool exposes_extensions_ = false;
  std::optional<TimePoint> late_due_;  // when a request may have become late
  bool said_downloading_ = false;
  TimePoint linger_until_{};
  std::uint64_t told_length_ = 0;  // of the feed at the last flush
  std::uint64_t told_fork_ = 0;
  bool dirty_ = true;  // something happened since the last flush
  TimePoint last_progress_{};
  std::optional<TimePoint> progress_due_;
  std::optional<TimePoint> empty_until_;
  Fifo<ReplicatorEvent> events_;
  ReplicationCounters counters_;
};

}  // namespace cip::overlay
