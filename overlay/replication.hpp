#pragma once

// All feeds of one participant and their exchange over its streams: the protocol "hypercore/alpha"
// (feeds.md 9). Owns the feeds, finds the one a channel is about by discovery key, checks that the
// other side knows the feed key, and gives the channel to the feed's Replicator.
//
// Nobody learns what is held by connecting (decisions.md D14): a channel is answered only when the
// other side names a feed that is shared, and opened only where the owner says so, by open().

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/machine.hpp"
#include "overlay/channel_handler.hpp"
#include "overlay/fetch_budget.hpp"
#include "overlay/replicator.hpp"
#include "store/feed.hpp"

namespace cip::overlay {

// Channels for one feed on one stream that we open again after the other side closed them.
inline constexpr unsigned kMaxReopens = 3;

// What others may have of a feed.
struct FeedSharing {
  // Channels that others open are answered. (While something is downloaded they always are.)
  bool serve = false;
  // Channels stay open for live changes although nothing is wanted: own feeds, seeded feeds.
  bool keep_open = false;
  // A higher fork, signed by the writer, replaces what is held (feeds.md 8.4).
  bool follow_forks = false;
  // Damaged blocks are given up and fetched again: for feeds that others hold too.
  bool heal = false;
  // Peers may send new blocks that are wanted without being asked (feeds.md 10.7).
  bool accept_push = false;
};

// A channel for the feed is in use on this stream.
struct FeedPeerJoined {
  ConnId conn = 0;
};
struct FeedPeerLeft {
  ConnId conn = 0;
};
// We opened a channel and the other side does not have the feed, or does not share it.
struct FeedRefused {
  ConnId conn = 0;
};
// What happened to a feed. Events of the Feed itself come up here unless they answer something that
// replication asked: tickets of own reads, appends and checks are the owner's.
struct FeedNews {
  store::FeedNumber feed = 0;
  std::variant<store::FeedEvent, ReplicatorEvent, FeedPeerJoined, FeedPeerLeft, FeedRefused> what;
};

// Sees every event of every feed before replication does: machines that also work on feeds
// (topics).
class FeedObserver {
 public:
  // True: the event answers something the observer asked, and nobody else need see it.
  virtual bool handle_feed_event(Now now, store::Feed& feed, store::FeedEvent& event) = 0;

 protected:
  ~FeedObserver() = default;
};

// Inputs: ChannelHandler and the commands; the end of a turn is turn_ended() (the Hub calls it).
class Replication final : public ChannelHandler {
 public:
  // `streams` outlives it. `fetch_ahead`: bytes that downloads may have on their way to the disk.
  explicit Replication(Streams& streams, std::size_t fetch_ahead = kMostFetchAhead);
  ~Replication();

  void add_observer(FeedObserver& observer) { observers_.push_back(&observer); }

  // --- feeds

  // Takes a feed; its number and key are not there yet. The reference is good until remove_feed().
  store::Feed& add_feed(store::Feed feed, FeedSharing sharing = {});
  // Closes its channels and forgets it. Operations under way are answered to nobody.
  void remove_feed(Now now, store::FeedNumber number);
  void set_sharing(Now now, store::FeedNumber number, FeedSharing sharing);
  FeedSharing sharing(store::FeedNumber number) const;
  // For commands on the feed itself (append, read, sync): it is drained at the end of the turn.
  store::Feed* feed(store::FeedNumber number);
  store::Feed* feed_by_key(const Bytes32& key);
  const store::Feed* find_feed(store::FeedNumber number) const;
  std::vector<store::FeedNumber> feeds() const;

  // --- exchange

  // 0 when there is no such feed.
  DownloadId download(Now now, store::FeedNumber number, DownloadOptions options);
  void cancel_download(Now now, store::FeedNumber number, DownloadId id);
  void note_all_asked(store::FeedNumber number, DownloadId id);
  // Forgets blocks and tells peers.
  Result<void> clear(Now now, store::FeedNumber number, std::uint64_t start, std::uint64_t end);
  // SeekDone, with the help of peers where the tree here does not reach. 0: no such feed.
  SeekId seek(store::FeedNumber number, std::uint64_t offset, std::uint64_t padding = 0);
  void cancel_seek(store::FeedNumber number, SeekId id);
  // Extension messages of the feed's channels: sent to one peer, or to all (conn 0), and, once
  // exposed, reported as ExtensionReceived. False: no such feed, or above the bounds.
  bool send_extension(store::FeedNumber number, ConnId conn, std::string_view name,
                      ByteView payload);
  void expose_extensions(store::FeedNumber number, bool exposed);
  // Opens a channel for the feed on an open stream, unless there is one.
  void open(Now now, ConnId conn, store::FeedNumber number);
  std::vector<ReplicatorPeerInfo> peers(store::FeedNumber number) const;
  // Nothing once the download has ended, or of a feed that is not here.
  std::optional<DownloadState> state_of(store::FeedNumber number, DownloadId id,
                                        std::uint64_t from = 0) const;
  ReplicationCounters counters(store::FeedNumber number) const;
  bool is_downloading(store::FeedNumber number) const;
  // Feeds with a channel in use on the stream.
  std::vector<store::FeedNumber> feeds_on(ConnId conn) const;

  // --- storage and time

  // Operations of all feeds; StoreOp::feed() says of which.
  std::optional<store::StoreOp> poll_store_op();
  void handle_store_done(Now now, store::FeedNumber number, store::StoreOpId id,
                         store::StoreResult result);
  void handle_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;
  std::optional<FeedNews> poll_event();

  // --- ChannelHandler

  std::string_view protocol() const override { return kFeedProtocol; }
  void stream_opened(Now now, const StreamInfo& stream) override;
  void stream_closed(Now now, ConnId conn) override;
  void channel_requested(Now now, ConnId conn, ChannelId remote_channel, ByteView id,
                         ByteView handshake) override;
  void channel_opened(Now now, ConnId conn, ChannelId channel, ByteView id,
                      ByteView handshake) override;
  void channel_message(Now now, ConnId conn, ChannelId channel, std::uint32_t type,
                       ByteView payload) override;
  void channel_closed(Now now, ConnId conn, ChannelId channel) override;
  bool open_for(Now now, ConnId conn, const Bytes32& target) override;
  void writable(Now now, ConnId conn) override;
  void turn_ended(Now now) override;

 private:
  struct Slot;
  struct Session;
  struct Stream;

  Slot* find(store::FeedNumber number) const;
  Slot* find_by_discovery_key(ByteView key) const;
  void touch(Slot& slot);
  void settle(Now now, Slot& slot);
  void open_session(Stream& stream, Slot& slot);
  void end_session(Now now, Stream& stream, ChannelId channel);
  bool check_capability(const Stream& stream, const Slot& slot, ByteView handshake);
  void take_event(Now now, Slot& slot, store::FeedEvent event);
  void news(const Slot& slot, decltype(FeedNews::what) what);

  Streams& streams_;
  FetchBudget budget_;
  std::vector<FeedObserver*> observers_;
  std::map<store::FeedNumber, std::unique_ptr<Slot>> slots_;
  std::unordered_map<Bytes32, Slot*, Bytes32Hash> by_key_;
  std::unordered_map<Bytes32, Slot*, Bytes32Hash> by_discovery_key_;
  std::unordered_map<ConnId, std::unique_ptr<Stream>> open_streams_;
  std::vector<Slot*> touched_;
  std::set<std::pair<TimePoint, store::FeedNumber>> timers_;
  std::deque<store::StoreOp> ops_;
  Fifo<FeedNews> news_;
};

}  // namespace cip::overlay
