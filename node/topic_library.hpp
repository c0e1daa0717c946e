#pragma once

// The topics of a home: which it takes part in, their feeds in the database, and the machine that
// publishes and subscribes. A topic that was joined is served as long as the node runs, and again
// after a restart, so that messages outlive their authors.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/author_memory.hpp"
#include "node/feed_library.hpp"
#include "node/home_mark.hpp"
#include "node/listeners.hpp"
#include "node/own_clock.hpp"
#include "node/published_here.hpp"
#include "overlay/topics.hpp"

namespace cip::node {

struct TopicName {
  Bytes32 id{};
  std::optional<Bytes32> key{};  // none: `id:` alone
  bool is_private = false;
  std::string text{};  // as it is shown; of a private topic `topic:<z32>`
};
// A topic as typed: a name, `topic:<z32>` or `id:<hex>`. Error usage.
Outcome<TopicName> parse_topic(const std::string& text);
// What a topic of this home is called.
TopicName name_of(const store::TopicRecord& record);
// Why a topic of which nothing but the id is known cannot be taken part in.
Error only_id_known();

class TopicLibrary final : public overlay::TopicHost {
 public:
  using OnDone = std::function<void(Outcome<void>)>;

  // `announce`: whether topics are announced on this network (decisions.md D2). The others outlive
  // it.
  TopicLibrary(Participant& participant, FeedLibrary& feeds, store::StorageRequests& storage,
               const store::DatabaseInstance& instance, bool announce, HomeMark& mark);
  ~TopicLibrary();

  // Takes part again in what was joined before. `loading` is let go when that is done.
  void start(std::shared_ptr<void> loading);
  // Takes part; with `author` also opens, or makes, the own feed. Error usage: only the id is
  // known.
  void join(const TopicName& topic, bool author, OnDone done);
  // Leaves a topic and forgets its feeds, own ones with their secrets. Errors: not_found; usage
  // without `own_too` when messages were published here; busy.
  void drop(const TopicName& topic, bool own_too, OnDone done);
  // Topics::publish(), and remembers when that was.
  Result<std::uint64_t> publish(const Bytes32& topic, const std::vector<Bytes>& messages);
  // The last own message of the topic was written by this very folder, not by what it is a copy of.
  bool has_published_here(const Bytes32& topic) const;
  // The disk has no room for what another author wrote: this feed goes, and is taken up again at
  // its end.
  void give_up(store::FeedNumber number);
  std::uint64_t given_up() const { return given_up_; }
  // Whether the disk has room for more of what others write to topics; `room` hears of changes.
  void set_full(bool full);
  bool is_full() const { return is_full_; }

  overlay::Topics& machine() { return *machine_; }
  // Carries on after a command on the machine.
  void turn() { participant_.changed(); }
  Listeners<overlay::TopicEvent> events;
  struct RoomChanged {
    bool is_full = false;
  };
  Listeners<RoomChanged> room;

  // --- for the participant's loop
  void handle_turn(Now now);
  std::optional<TimePoint> next_timeout() const { return machine_->next_timeout(); }

  // --- TopicHost
  void open_feed(const Bytes32& topic, const Bytes32& feed_key) override;
  void replicate_feed(overlay::ConnId conn, const Bytes32& feed_key) override;
  void drop_feed(const Bytes32& feed_key) override;
  void feed_touched(store::Feed& feed) override;
  std::int64_t own_clock_ahead(const Bytes32& topic, std::uint64_t seq) const override;

 private:
  void begin(const TopicName& topic, const store::StoredTopic& stored, bool author, OnDone done);
  void open_stored(const Bytes32& topic, const Bytes32& key, std::shared_ptr<OnDone> last);
  void make_own_feed(const Bytes32& topic, OnDone done);
  void give(const Bytes32& topic, FeedUse use);
  std::vector<store::FeedNumber> open_feeds_of(const Bytes32& topic);
  Outcome<void> may_drop(const TopicName& topic, bool own_too);
  void drop_joined(const TopicName& topic, bool own_too, OnDone done);
  void forget(const TopicName& topic, const OnDone& done);
  void remember(const Bytes32& topic, const Bytes32& feed,
                const overlay::Topics::AuthorMemory& memory);
  void look_at_clock(Now time);
  void save_clock(const Bytes32& topic);

  Participant& participant_;
  FeedLibrary& feeds_;
  store::StorageRequests& storage_;
  bool announce_;
  std::unique_ptr<overlay::Topics> machine_;
  std::map<Bytes32, std::vector<OnDone>> making_;  // own feeds of topics
  std::map<store::FeedNumber, FeedUse> open_;      // feeds this library keeps open
  // What is known of authors besides their feeds, as far as it is not what anybody would assume.
  std::map<Bytes32, AuthorMemories> memories_;  // by topic
  std::map<Bytes32, OwnClock> own_clocks_;      // by topic
  PublishedHere published_;
  std::int64_t clock_shown_ = 0;  // less monotonic time, when it was last looked at
  std::uint64_t given_up_ = 0;
  bool is_full_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
