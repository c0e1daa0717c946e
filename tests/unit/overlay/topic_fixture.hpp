#pragma once

// Participants that exchange topics without bytes of a stream: channels are calls in one queue,
// feeds lie in memory backends, and time moves when told to.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "overlay/replication.hpp"
#include "overlay/topics.hpp"
#include "store/memory_backend.hpp"

namespace cip::test {

class TopicWorld;

// One participant: replication and topics over fake streams.
class TopicPeer final : public overlay::Streams, public overlay::TopicHost {
 public:
  TopicPeer(TopicWorld& world, std::uint8_t number);

  void join(const std::string& topic, bool is_private = false);
  // The own feed of the topic is made on first use.
  std::uint64_t publish(const std::string& topic, const std::vector<std::string>& messages);
  overlay::SubscriptionId subscribe(const std::string& topic, overlay::Since since);
  // Texts that came since the last call, in order.
  std::vector<std::string> received(overlay::SubscriptionId id);
  // Drains machines and runs storage until nothing happens any more. True if anything did.
  bool settle();

  // overlay::Streams
  overlay::ChannelId open_channel(overlay::ConnId conn, std::string_view protocol, ByteView id,
                                  ByteView handshake) override;
  void reject_channel(overlay::ConnId, overlay::ChannelId) override { ++rejected; }
  void send(overlay::ConnId conn, overlay::ChannelId channel, std::uint32_t type,
            ByteView payload) override;
  void send(overlay::ConnId conn, overlay::ChannelId channel, std::uint32_t type, ByteView head,
            ByteView tail) override;
  void close_channel(overlay::ConnId conn, overlay::ChannelId channel) override;
  void destroy(overlay::ConnId conn, std::string_view why, std::error_code error) override;
  bool is_writable(overlay::ConnId) const override { return true; }
  void hold_reading(overlay::ConnId) override {}
  void release_reading(overlay::ConnId) override {}
  // overlay::TopicHost
  void open_feed(const Bytes32& topic, const Bytes32& feed_key) override;
  void replicate_feed(overlay::ConnId conn, const Bytes32& feed_key) override;
  void drop_feed(const Bytes32& feed_key) override { dropped.push_back(feed_key); }
  void feed_touched(store::Feed& feed) override { replication.feed(feed.number()); }
  std::int64_t own_clock_ahead(const Bytes32&, std::uint64_t) const override {
    return std::chrono::milliseconds(wrote_ahead - clock_ahead).count();
  }

  // The time as this participant's clock shows it.
  Now now() const;
  // As when a write failed, or a quota was used up: the object of the feed is gone.
  void give_up(const std::string& topic, const Bytes32& feed_key);
  // Opens it anew.
  void take_up(const std::string& topic, const Bytes32& feed_key);

  overlay::ChannelHandler& handler_of(std::string_view protocol);
  // Fetches all of it, but for blocks from 1 on below `floor`.
  store::Feed& add(const Bytes32& key, std::optional<store::Manifest> manifest,
                   std::uint64_t floor = 0);

  TopicWorld& world;
  SeededRandom random;
  KeyPair identity;
  store::MemoryBackend backend;
  overlay::Replication replication;
  overlay::Topics topics;
  // Pushes are shown apart: a test may switch catching up by replication off.
  bool replicates = true;
  std::chrono::seconds clock_ahead{};  // how wrong its wall clock is
  std::chrono::seconds wrote_ahead{};  // ... and was when it published last
  std::vector<std::string> destroyed;
  std::vector<Bytes32> dropped;
  std::size_t rejected = 0;
};

class TopicWorld {
 public:
  TopicPeer& add();
  // Joins two by a stream; both then open the channel of the topic, as after a lookup.
  overlay::ConnId connect(TopicPeer& a, TopicPeer& b, const std::string& topic);
  void disconnect(overlay::ConnId conn);
  void run();
  void advance(Duration by);
  // Messages of the topic channel of a type that were sent so far.
  std::size_t sent(overlay::TopicMessageType type) const { return sent_.at(type); }

  Now now{TimePoint{std::chrono::hours(1)}, UnixMillis{1'700'000'000'000}};
  // May change or drop (false) what goes over topic channels.
  std::function<bool(overlay::TopicMessageType, Bytes&)> on_topic_message;

 private:
  friend class TopicPeer;
  struct Side {
    TopicPeer* peer = nullptr;
    std::map<std::string, Bytes> opened;  // channel name to handshake
  };
  struct Link {
    Side sides[2];
    Side& of(const TopicPeer* peer) { return sides[sides[0].peer == peer ? 0 : 1]; }
    Side& other(const TopicPeer* peer) { return sides[sides[0].peer == peer ? 1 : 0]; }
  };
  overlay::ChannelId number_of(const std::string& name);

  std::vector<std::unique_ptr<TopicPeer>> peers_;
  std::map<overlay::ConnId, Link> links_;
  overlay::ConnId next_conn_ = 1;
  std::deque<std::function<void()>> queue_;
  std::vector<std::string> names_;  // a channel's number is its place here, the same for all
  std::map<overlay::TopicMessageType, std::size_t> sent_{
      {overlay::TopicMessageType::feeds, 0}, {overlay::TopicMessageType::push, 0},
      {overlay::TopicMessageType::have, 0},  {overlay::TopicMessageType::graft, 0},
      {overlay::TopicMessageType::prune, 0}, {overlay::TopicMessageType::ack, 0}};
};

}  // namespace cip::test
