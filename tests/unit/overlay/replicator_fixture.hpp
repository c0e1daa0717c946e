#pragma once

// Replicators that talk to each other without bytes of a stream: messages of channels go through
// one queue, feeds keep their blocks in memory backends, and time moves when told to.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "overlay/replicator.hpp"
#include "store/memory_backend.hpp"

namespace cip::test {

class ReplicatorWorld;

// One holder of the feed.
class Side final : public overlay::Streams {
 public:
  Side(ReplicatorWorld& world, std::string name, const Bytes32& key,
       std::optional<store::Manifest> manifest);

  // Appends blocks made by test_block() until the feed has `length`.
  void grow_to(std::uint64_t length);
  // Reads block `index` back; fails the test when it is not there.
  Bytes block(std::uint64_t index);
  // Drains feed and replicator until neither has more to say.
  void settle();
  // Events of a kind so far.
  template <typename E>
  std::vector<E> seen() const {
    std::vector<E> out;
    for (const auto& event : events) {
      if (const auto* match = std::get_if<E>(&event)) out.push_back(*match);
    }
    return out;
  }

  // overlay::Streams
  overlay::ChannelId open_channel(overlay::ConnId, std::string_view, ByteView, ByteView) override {
    return 0;
  }
  void reject_channel(overlay::ConnId, overlay::ChannelId) override {}
  void send(overlay::ConnId conn, overlay::ChannelId, std::uint32_t type,
            ByteView payload) override;
  void send(overlay::ConnId conn, overlay::ChannelId channel, std::uint32_t type, ByteView head,
            ByteView tail) override;
  void close_channel(overlay::ConnId conn, overlay::ChannelId) override;
  void destroy(overlay::ConnId conn, std::string_view why, std::error_code error) override;
  bool is_writable(overlay::ConnId conn) const override { return !full.contains(conn); }
  void hold_reading(overlay::ConnId conn) override { held.insert(conn); }
  void release_reading(overlay::ConnId conn) override { held.erase(conn); }
  overlay::StreamHeard heard(overlay::ConnId conn) const override {
    const auto found = kept_alive.find(conn);
    return found == kept_alive.end() ? overlay::StreamHeard{}
                                     : overlay::StreamHeard{.bytes = found->second, .message = {}};
  }

  ReplicatorWorld& world;
  std::string name;
  SeededRandom random{1};
  store::MemoryBackend backend{random};
  store::Feed feed;
  overlay::FetchBudget budget;
  overlay::Replicator replicator;
  std::map<overlay::ConnId, overlay::PeerNumber> peers;
  std::vector<overlay::ReplicatorEvent> events;
  std::vector<store::FeedEvent> feed_events;  // that the replicator did not take
  std::vector<std::string> destroyed;
  std::set<overlay::ConnId> full;
  std::set<overlay::ConnId> held;
  std::map<overlay::ConnId, TimePoint> kept_alive;  // when a keep-alive came last
};

class ReplicatorWorld {
 public:
  ReplicatorWorld();

  // A side that can append, and one that knows the key alone.
  Side& add_writer(std::string name = "writer");
  Side& add_reader(std::string name);
  overlay::ConnId connect(Side& a, Side& b);
  void disconnect(overlay::ConnId conn);
  // Delivers messages until none is left; at most `limit`.
  void run(std::size_t limit = SIZE_MAX);
  // Moves time on in one step and lets due timers act.
  void advance(Duration by);

  struct Message {
    overlay::ConnId conn = 0;
    Side* to = nullptr;
    overlay::FeedMessage type{};
    Bytes payload;
  };
  // May change a message that `from` sends; false drops it.
  std::function<bool(Side& from, Message&)> on_send;
  // Messages of a type that were sent, by side.
  std::size_t count(const Side& from, overlay::FeedMessage type) const;

  Now now{TimePoint{std::chrono::hours(1)}, UnixMillis{1'700'000'000'000}};
  KeyPair key;
  store::Manifest manifest;

 private:
  friend class Side;
  struct Link {
    Side* a = nullptr;
    Side* b = nullptr;
  };
  void queue(Side& from, overlay::ConnId conn, std::uint32_t type, Bytes payload);

  std::vector<std::unique_ptr<Side>> sides_;
  std::map<overlay::ConnId, Link> links_;
  std::deque<Message> messages_;
  std::map<std::pair<const Side*, overlay::FeedMessage>, std::size_t> counts_;
  overlay::ConnId next_conn_ = 1;
};

// Block `index` of every feed of these tests: 0 to 40 bytes.
Bytes test_block(std::uint64_t index);

}  // namespace cip::test
