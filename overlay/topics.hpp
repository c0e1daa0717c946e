#pragma once

// Topics: places where authors publish and anyone who knows the key subscribes (topics.md). A
// message is a block of its author's signed feed for the topic; what is pushed live, what is
// fetched after an absence and what is kept on disk is the same block with the same proof.
//
// A machine on channels `cip/topic/1` (one per topic and stream). It introduces feeds to
// neighbours, pushes new blocks to them, acknowledges what is written, and hands messages to
// subscriptions in order. Gaps and catch-up are ordinary feed replication, which the host runs. In
// this version every neighbour is eager and there is no membership: neighbours are who the host
// meets.
//
// Inputs: ChannelHandler calls, feed_*() and the commands; after each, drain poll_event() and ask
// subscriptions that were woken for their messages. No I/O, no clock. Not thread-safe.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/crypto.hpp"
#include "base/machine.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "overlay/channel_handler.hpp"
#include "overlay/errors.hpp"
#include "overlay/replication.hpp"
#include "overlay/subscription.hpp"
#include "overlay/topic_codec.hpp"
#include "store/feed.hpp"

namespace cip::overlay {

// What topics ask of the owner of feeds. Calls only queue work; they never call back.
class TopicHost {
 public:
  // Opens the replica of an author's feed, making it if needed. Answer: feed_opened() or
  // feed_failed(), later.
  virtual void open_feed(const Bytes32& topic, const Bytes32& feed_key) = 0;
  // Follows this feed with the peer at the other end of `conn`: fetch all and serve all.
  virtual void replicate_feed(ConnId conn, const Bytes32& feed_key) = 0;
  // Not part of the topic after all: close it and forget what was fetched.
  virtual void drop_feed(const Bytes32& feed_key) = 0;
  // A command was given to this feed: drain it in this turn.
  virtual void feed_touched(store::Feed& feed) = 0;
  // How far the clock here was ahead of the present one, in ms, when the own message was written.
  virtual std::int64_t own_clock_ahead(const Bytes32& topic, std::uint64_t seq) const = 0;

 protected:
  ~TopicHost() = default;
};

// Limits of the protocol, as topics.md 5 has them.
struct TopicLimits {
  std::size_t feeds = kMaxTopicFeeds;               // tracked per topic
  std::size_t new_feeds_per_hour = 64;              // introduced by one neighbour
  Duration header_wait = std::chrono::seconds(10);  // a feed without its header by then goes
  std::size_t push_size = 16 << 10;                 // larger blocks are fetched, not pushed
};

// Own messages start..length-1 of the topic are durable.
struct TopicPublished {
  Bytes32 topic{};
  Bytes32 feed{};
  std::uint64_t start = 0;
  std::uint64_t length = 0;
};
// A peer has written own blocks below `length`.
struct TopicAcked {
  Bytes32 topic{};
  PublicKey peer{};
  std::uint64_t length = 0;
};
// poll_message() of this subscription may have something, or it has caught up.
struct SubscriptionWoken {
  SubscriptionId subscription = 0;
};
// An author's feed is part of the topic: its header was read.
struct TopicFeedKnown {
  Bytes32 topic{};
  Bytes32 feed{};
  TopicHeader header;
};
// How many milliseconds an author's clock is ahead of the one here, once that is known and whenever
// it changes by more than a second.
struct TopicClockKnown {
  Bytes32 topic{};
  Bytes32 feed{};
  std::int64_t ahead_ms = 0;
};
// leave() was called: subscriptions of the topic are over.
struct TopicLeft {
  Bytes32 topic{};
};
using TopicEvent = std::variant<TopicPublished, TopicAcked, SubscriptionWoken, TopicFeedKnown,
                                TopicClockKnown, TopicLeft>;

class Topics final : public ChannelHandler, public FeedObserver {
 public:
  // `identity` signs headers of own feeds. `streams` and `host` outlive the machine.
  Topics(Streams& streams, TopicHost& host, const KeyPair& identity, const FixedBytes<16>& instance,
         TopicLimits limits = {});
  ~Topics();

  // --- commands

  // Takes part in a topic; again: nothing happens. Returns its id.
  Bytes32 join(Now now, const Bytes32& topic_key, bool is_private);
  // Closes its channels and ends its subscriptions. Feeds stay with their owner.
  void leave(const Bytes32& topic);
  bool has_joined(const Bytes32& topic) const { return topics_.contains(topic); }

  // Feeds of the topic that the home holds already. `own`: signs with `key`; if empty it gets its
  // header first. Feeds from disk may be given before or after join.
  void feed_opened(Now now, const Bytes32& topic, store::Feed& feed,
                   const std::optional<KeyPair>& own_key = std::nullopt);
  void feed_failed(const Bytes32& topic, const Bytes32& feed_key);
  // The disk has no room for this feed of another author: its object is gone, and when it is opened
  // anew it goes on where it was.
  void feed_given_up(Now now, const Bytes32& topic, const Bytes32& feed_key);
  // Messages below are not wanted any more.
  std::uint64_t floor(const Bytes32& topic, const Bytes32& feed_key) const;
  // What an earlier run knew of an author; before its feed is opened.
  struct AuthorMemory {
    std::uint64_t floor = 0;    // messages below were given up
    std::int64_t ahead_ms = 0;  // its clock, before the one here
  };
  void restore_author(Now now, const Bytes32& topic, const Bytes32& feed_key,
                      const AuthorMemory& memory);
  // There is no room on the disk: pushes of others are let go, and fetched when there is.
  void set_full(bool full) { full_ = full; }
  std::uint64_t refused_pushes() const { return refused_pushes_; }
  // A feed given before is another object now, read anew after a write of it failed: what was not
  // durable is gone. Feeds of no topic are ignored.
  void feed_reloaded(Now now, store::Feed& feed);

  // Own feed of the topic, once opened.
  std::optional<Bytes32> own_feed(const Bytes32& topic) const;
  // Appends messages to the own feed; returns the seq of the first. TopicPublished follows when
  // they are durable. Errors: no_such_topic, no_own_feed, message_too_large; those of Feed::append.
  Result<std::uint64_t> publish(Now now, const Bytes32& topic, const std::vector<Bytes>& messages);
  // Distinct peers that have written the own message `seq`.
  std::size_t confirmations(const Bytes32& topic, std::uint64_t seq) const;

  // Errors: no_such_topic.
  Result<SubscriptionId> subscribe(Now now, const Bytes32& topic, SubscriptionOptions options);
  void unsubscribe(SubscriptionId id);
  // The next message in order; asks the disk ahead for those after it.
  std::optional<TopicDelivery> poll_message(SubscriptionId id);
  // Messages that the subscription should have got, and that are gone.
  std::optional<TopicGap> poll_gap(SubscriptionId id);
  // Everything that this node or its neighbours know of was delivered.
  bool is_synced(SubscriptionId id) const;
  // By feed the block that the subscription waits for because it is not here.
  std::map<Bytes32, std::uint64_t> holes(SubscriptionId id) const;
  // Nobody has the blocks of this hole before `end`: the subscription goes on at the next one that
  // is here, at `end` at the latest. What it passes is a gap.
  void pass_hole(Now now, SubscriptionId id, const Bytes32& feed_key, std::uint64_t end);
  // Subscription::positions().
  std::map<Bytes32, std::uint64_t> positions(SubscriptionId id) const;

  // --- what is known

  struct FeedInfo {
    Bytes32 key{};
    std::optional<TopicHeader> header;
    std::uint64_t length = 0;
    bool own = false;
  };
  std::vector<FeedInfo> feeds(const Bytes32& topic) const;
  std::size_t neighbours(const Bytes32& topic) const;
  std::vector<Bytes32> joined() const;

  // --- machine

  bool handle_feed_event(Now now, store::Feed& feed, store::FeedEvent& event) override;

  std::string_view protocol() const override { return kTopicProtocol; }
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

  void handle_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;
  std::optional<TopicEvent> poll_event();

 private:
  struct Neighbour;
  struct Author;
  struct Topic;
  // Work that is due at a time: a feed that should have its header by then, or a subscription whose
  // time to learn is over.
  struct Due {
    Bytes32 topic{};
    std::optional<Bytes32> feed;
    SubscriptionId subscription = 0;
  };

  Topic* find_topic(const Bytes32& id) const;
  Topic* topic_of(const Bytes32& feed_key) const;
  // The neighbour of this channel with its topic, if its capability was checked.
  std::pair<Topic*, Neighbour*> find_neighbour(ConnId conn, ChannelId channel) const;
  void open_channel(Topic& topic, const StreamInfo& stream);
  void misbehaved(const Neighbour& neighbour, std::string_view why);

  // topic_feeds.cpp: what neighbours tell each other of feeds
  void introduce(Topic& topic, Neighbour& neighbour, const Author& author);
  void send_ack(Neighbour& neighbour, const Author& author);
  void handle_feeds(Topic& topic, Neighbour& neighbour, ByteView payload);
  void handle_push(Topic& topic, Neighbour& neighbour, ByteView payload);
  void handle_have(Topic& topic, Neighbour& neighbour, ByteView payload);
  void handle_graft(Topic& topic, Neighbour& neighbour, ByteView payload);
  void handle_prune(Neighbour& neighbour, ByteView payload);
  void handle_ack(Topic& topic, Neighbour& neighbour, ByteView payload);
  bool may_introduce(const Topic& topic, Neighbour& neighbour);
  void track(Topic& topic, const Bytes32& feed_key);
  void drop_author(Topic& topic, const Bytes32& feed_key);
  void write_header(Topic& topic, Author& author);
  void want_header(Author& author);
  void take_header(Topic& topic, Author& author, const Result<Bytes>& block);
  void spread(Topic& topic, Author& author, ConnId source, std::uint64_t hops);
  void push_to(Author& author, std::uint64_t from, std::uint64_t hops, std::vector<ConnId> to);
  bool push_made(Topic& topic, Author& author, const store::ProofReady& ready);
  bool push_checked(Topic& topic, Author& author, store::Ticket ticket, std::error_code rejected);

  // topic_clocks.cpp: clocks of authors
  void note_clock(Topic& topic, Author& author, const Neighbour& neighbour);
  TimePoint written_at(const Author& author, std::uint64_t index, UnixMillis time) const;

  // topic_messages.cpp: publishing and subscribing
  bool read_done(Topic& topic, Author& author, const store::BlockRead& read);
  std::optional<TopicDelivery> open_message(const Author& author, std::uint64_t index,
                                            const Result<Bytes>& block) const;
  void wake(Topic& topic);
  void feed_subscription(Topic& topic, SubscriptionId id, Subscription& subscription);
  std::uint64_t known_length(const Topic& topic, const Author& author) const;

  Streams& streams_;
  TopicHost& host_;
  KeyPair identity_;
  FixedBytes<16> instance_;
  TopicLimits limits_;
  std::map<Bytes32, std::unique_ptr<Topic>> topics_;
  std::map<ConnId, StreamInfo> open_streams_;
  std::unordered_map<Bytes32, Bytes32, Bytes32Hash> topic_of_feed_;
  std::map<SubscriptionId, Bytes32> subscriptions_;  // to its topic
  SubscriptionId next_subscription_ = 1;
  std::multimap<TimePoint, Due> due_;
  bool full_ = false;
  std::uint64_t refused_pushes_ = 0;
  Fifo<TopicEvent> events_;
  Now now_;  // of the latest input
};

}  // namespace cip::overlay
