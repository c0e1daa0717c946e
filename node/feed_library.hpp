#pragma once

// The feeds of a home: opens them from the database into the hub's replication, creates them, says
// what others may have of them and announces them, and tells whoever waits what happens to them.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/error.hpp"
#include "node/feed_loader.hpp"
#include "node/feed_use.hpp"
#include "node/listeners.hpp"
#include "node/participant.hpp"
#include "store/storage_requests.hpp"

namespace cip::node {

// Reads the blocks of a feed in order.
class BlockReader {
 public:
  // The first block that it still needs.
  virtual std::uint64_t position() const = 0;

 protected:
  ~BlockReader() = default;
};

// After a write failed, nothing is fetched unasked for so long: the disk has just said no.
inline constexpr Duration kWriteFailurePause = std::chrono::seconds(10);

// A feed in use, with what the home knows of it.
struct OpenFeed {
  store::FeedRecord record;
  std::optional<KeyPair> signer;                 // of own feeds
  std::optional<Bytes32> encryption_key;         // of encrypted feeds, where the home knows it
  bool followed = false;                         // wanted whole, with what is appended later
  std::uint64_t followed_from = 0;               // ... but for blocks from 1 on below this
  std::optional<overlay::DownloadId> following;  // the download that sees to it
  // Of those that take a share of the room (takes_share): up to this block; none: all of it.
  std::optional<std::uint64_t> follow_end = 0;
  std::map<FeedUse::Id, std::string> users;  // what they are called
  std::set<const BlockReader*> readers;
  unsigned searchers = 0;           // Holds of search()
  unsigned servers = 0;             // Holds of serve()
  bool was_read = false;            // in this process, since it was opened
  bool unwanted = false;            // goes with its contents once nobody uses it
  std::uint64_t shared_length = 0;  // what some peer was seen to hold
  std::uint64_t later_fork = 0;     // of this own feed, proved by a peer
  bool length_asked = false;        // nobody in reach knew more of this own feed than this home
  bool restored = false;            // of this own feed (store::restored_state)
  // A write failed. It is read anew at the next look, when those who waited for it have gone.
  bool failed = false;
  bool reloading = false;
  std::optional<TimePoint> paused_until;
  // Who opened it between a failed write and the reading anew.
  struct Awaiting {
    FeedUse use;
    std::function<void(Outcome<FeedUse>)> done;
  };
  std::vector<Awaiting> awaiting;

  // Whether it fetches as much as it has room for (DiskKeeper); those of topics share the room of
  // topics.
  bool takes_share() const { return record.disk_class == store::DiskClass::kept && !record.topic; }
};

class FeedLibrary {
 public:
  using OnOpen = std::function<void(Outcome<FeedUse>)>;
  using OnDone = std::function<void(Outcome<void>)>;
  using News = Listeners<overlay::FeedNews>;

  // `announce`: whether feeds are announced on this network at all (decisions.md D2). All outlive
  // it.
  FeedLibrary(Participant& participant, store::StorageRequests& storage, const Bytes32& primary_key,
              Random& random, bool announce);

  // Opens what is to be served from the start: own and seeded feeds. `loading` is let go when they
  // are open.
  void start(std::shared_ptr<void> loading);

  // --- opening. The feed is open as long as somebody uses it. `user`: what others are told uses
  // it.

  // A feed as it is found by name or key. Errors: see open_error().
  void open(FeedQuery query, std::string user, OnOpen done);
  void create(store::NewWriter wanted, std::string user, OnOpen done);
  // One more who uses a feed that is open.
  FeedUse use(store::FeedNumber number, const std::string& user);

  OpenFeed* find(store::FeedNumber number);
  store::Feed* feed(store::FeedNumber number);
  // The feeds that are open, by number.
  const std::map<store::FeedNumber, OpenFeed>& open_feeds() const { return open_; }

  // --- blocks

  // Carries on after commands on a feed itself.
  void turn() { participant_.changed(); }

  // Appends to an own feed; returns its length once they are durable (Appended tells).
  Result<std::uint64_t> append(store::FeedNumber number, std::vector<Bytes> blocks);
  // Whether others must be asked for the length of an own feed before it is appended to: the first
  // time in this process, unless nobody can know it, always of a restored one, and whenever a peer
  // claims more than is here.
  bool must_ask_length(store::FeedNumber number);
  // Its length is known; of a restored feed for good.
  void note_length_asked(store::FeedNumber number);
  // What was asked of any feed counts no more.
  void ask_lengths_again();
  // A fork of an own feed that a peer proved and this home does not have.
  std::optional<std::uint64_t> later_fork(store::FeedNumber number);
  // What encrypts and decrypts the blocks of the feed: with the key of its reader, else with that
  // of the home; none: they are read as they are.
  std::optional<store::BlockCipher> cipher(store::FeedNumber number,
                                           const std::optional<Bytes32>& given = {});

  // --- what others may have

  // A feed of others is kept, announced and served from now on, or no longer.
  void set_seeded(store::FeedNumber number, bool seeded, OnDone done);
  // What was fetched for a moment is kept from now on (decisions.md D15), or may go again.
  void keep(store::FeedNumber number) { set_disk_class(number, store::DiskClass::kept); }
  void set_disk_class(store::FeedNumber number, store::DiskClass disk_class);
  // Fetches all of a feed, and what is appended later, from the peers it is exchanged with; without
  // its blocks from 1 on that are below `from`.
  void follow(store::FeedNumber number, std::uint64_t from = 0);
  // A feed of the cache turned out to be part of a topic.
  void adopt(store::FeedNumber number, const Bytes32& topic);
  // Cuts an own feed to `length` blocks; its Truncated event follows. Errors of
  // store::Feed::truncate.
  Result<void> truncate(store::FeedNumber number, std::uint64_t length);
  // Forgets a feed with its contents and secrets, and gives the disk back. The use is over either
  // way. Error busy: somebody else uses it, and who.
  void drop(FeedUse use, OnDone done);
  // Ends the use after the caller has returned. What others write to a topic is forgotten with its
  // contents as soon as nobody else uses it, unless it is kept; feeds of no topic stay.
  void drop_unused(FeedUse use);

  // --- the disk (disk_keeper.hpp)

  // Takes a feed of others out of the database, whether it is open or not; not one in use.
  void evict(
      store::FeedNumber number, std::function<void()> done = [] {});
  // Gives up blocks of the cache that all their readers have passed.
  void clear_read_cache();
  // Nothing more is fetched for feeds that are kept (`kept`), or of what others write to topics
  // (`topics`), until there is room again.
  struct Full {
    bool kept = false;
    bool topics = false;
    bool operator==(const Full&) const = default;
  };
  void set_full(Full full);
  // A feed that takes its share of what room is left is fetched up to this block; none: all of it,
  // and what is appended.
  void follow_to(store::FeedNumber number, std::optional<std::uint64_t> end);
  // Such a feed is followed from now on, or has grown.
  std::function<void()> on_wish = [] {};
  // Goes on with feeds whose write failed some time ago, and closes those that had to be written
  // first; called about once a second.
  void look_after();
  // A reader of the feed begins, or ends; until then what it needs stays.
  void add_reader(store::FeedNumber number, const BlockReader& reader);
  void remove_reader(store::FeedNumber number, const BlockReader& reader);
  // A feed is not open any more and takes so many bytes; a feed is gone.
  std::function<void(const store::FeedRecord&, std::uint64_t bytes)> on_closed;
  std::function<void(store::FeedNumber)> on_dropped;
  // A feed is gone, whoever uses it: the operations on it end.
  Listeners<store::FeedNumber> gone;
  // A write failed, and the feed is open again as the disk has it: feed() is another object.
  std::function<void(store::FeedNumber)> on_reloaded;

  // Gives the feed to whoever asks for it, without announcing it, as long as it is held.
  Hold serve(store::FeedNumber number);
  // Looks for peers that have the feed as long as it is held.
  Hold search(store::FeedNumber number);

  // --- events

  [[nodiscard]] News::Listening watch(store::FeedNumber number, News::Listener listener) {
    return news_[number].listen(std::move(listener));
  }
  void handle(const overlay::FeedNews& news);

  std::size_t seeded_count() const;
  // Own blocks that no peer was seen to hold.
  bool holds_unshared_blocks();

 private:
  struct Opener {
    std::string user;
    OnOpen done;
  };

  void release(store::FeedNumber number, FeedUse::Id id);
  Hold count(store::FeedNumber number, unsigned OpenFeed::*counter);
  // Takes the feed from the hub; then it goes from the database, behind its own operations, and
  // forgotten() follows.
  void take_out(store::FeedNumber number);
  void forgotten(store::FeedNumber number, const Result<void>& dropped, const OnDone& done);
  void note_used(store::FeedNumber number);
  void write(const store::FeedRecord& record, OnDone done);
  void take_in(store::OpenFeed loaded);
  void finish(const std::string& name, Outcome<store::FeedNumber> result);
  void share(OpenFeed& open);
  void follow_if_wanted(OpenFeed& open);
  bool has_room(const OpenFeed& open) const;
  void close_if_unused(store::FeedNumber number);
  void note_shared(OpenFeed& open);
  void note_later_fork(const overlay::FeedNews& news);
  void load(const std::string& name, const FeedQuery& query);
  void loaded(const std::string& name, const FeedQuery& query, Result<store::OpenFeed> opened);
  void note_failure(store::FeedNumber number);
  void resume_after_failures();
  void reload(store::FeedNumber number);
  void replace(store::FeedNumber number, store::OpenFeed loaded);
  void answer_awaiting(store::FeedNumber number, const Outcome<void>& result);

  asio::io_context& io_;
  Participant& participant_;
  store::StorageRequests& storage_;
  Bytes32 primary_key_;
  Random& random_;
  bool announce_;
  Full full_;
  UnixMillis last_used_{};  // the latest use of any feed of the cache
  std::map<store::FeedNumber, OpenFeed> open_;
  std::map<std::string, std::vector<Opener>> opening_;  // by query, so that each loads once
  std::map<store::FeedNumber, News> news_;
  FeedUse::Id next_use_ = 1;
  // Being taken from the database; what asks for one meanwhile is loaded behind that.
  struct Load {
    std::string name;
    FeedQuery query;
  };
  std::map<store::FeedNumber, std::vector<Load>> dropping_;
  std::set<store::FeedNumber> closed_;  // in this process; not opened again yet
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
