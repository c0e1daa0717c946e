#pragma once

// Where one subscriber stands in every author's feed of a topic: which blocks it still wants, in
// which order they are handed over. Reads run ahead of the subscriber, up to a bound, and may come
// back in any order; messages leave per author by seq, without gaps.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/time.hpp"

namespace cip::overlay {

using SubscriptionId = std::uint64_t;

// Reads of one subscription under way, and messages that wait for it: bounds memory.
inline constexpr std::size_t kReadAhead = 256;
inline constexpr std::size_t kReadAheadBytes = 4 << 20;
// `new` means: beyond the lengths learned in this time.
inline constexpr Duration kLearnTime = std::chrono::seconds(2);

struct Since {
  enum class Kind {
    only_new,  // what comes from now on
    start,     // everything
    last,      // the last `number` messages of each author
    seq,       // from seq `number` of the one author
    time,      // messages of the last `ago`, and what comes from now on
  } kind = Kind::only_new;
  std::uint64_t number = 0;
  std::chrono::milliseconds ago{};
};

struct SubscriptionOptions {
  Since since;
  std::optional<PublicKey> author;           // this author alone
  std::map<Bytes32, std::uint64_t> cursors;  // durable: seq to go on with, by feed; beats `since`
  Duration begun{};  // so long ago, at another node: `new` and times count from then
};

// How far a feed is known to go: `known` as anybody says, below `old` there is history, which may
// be from before the subscription; blocks beyond came, or will come, live.
struct FeedLengths {
  std::uint64_t known = 0;
  std::uint64_t old = 0;
};

struct TopicDelivery {
  Bytes32 feed{};
  PublicKey author{};
  std::uint64_t seq = 0;
  UnixMillis time{};    // by the author's clock
  TimePoint written{};  // the same moment by the clock here, as far as can be told
  Bytes data;
};

// Messages from..to-1 of an author cannot be handed over: they are not here any more.
struct TopicGap {
  Bytes32 feed{};
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

class Subscription {
 public:
  Subscription(Now now, SubscriptionOptions options);

  // Whether it is to get what this author writes.
  bool wants(const PublicKey& author) const {
    return !options_.author || *options_.author == author;
  }
  // The lengths that `last` counts from, and what is history, are learned until then.
  TimePoint learned_at() const { return started_.mono + kLearnTime; }

  // A feed that was here when the subscription began: `new` goes on at this length.
  void had_feed(const Bytes32& feed, std::uint64_t length) { cursors_[feed].began = length; }
  // An author's feed and how far it goes; again whenever that changes. Decides, once it can, which
  // block comes first.
  void see_feed(Now now, const Bytes32& feed, const FeedLengths& lengths);
  // The block that is to be read next, once that is decided.
  std::optional<std::uint64_t> position(const Bytes32& feed) const;
  // Blocks below `floor` are not to be had here any more: what was wanted of them is missing. No
  // read of the feed is under way.
  void pass_over(const Bytes32& feed, std::uint64_t floor);
  // The next block to read, if there is one below `available` and room for it.
  std::optional<std::uint64_t> next_read(const Bytes32& feed, std::uint64_t available);
  // A block that was asked for. Without `message` it could not be read and is passed over.
  void put(const Bytes32& feed, std::uint64_t index, std::optional<TopicDelivery> message);
  std::optional<TopicDelivery> take();
  std::optional<TopicGap> take_gap();

  // Every block of the feed below `length` was handed over or passed over.
  bool has_delivered(const Bytes32& feed, std::uint64_t length) const;
  // By feed the seq of the next message that take() gives, should the subscription go on elsewhere.
  // What is still being learned counts as far as it is known.
  std::map<Bytes32, std::uint64_t> positions() const;
  bool has_messages() const { return !ready_.empty(); }
  bool has_room() const { return held_ < kReadAhead && held_bytes_ < kReadAheadBytes; }

 private:
  struct Cursor {
    std::optional<std::uint64_t> next_read;  // none: not decided yet
    std::uint64_t next_out = 0;
    std::uint64_t began = 0;    // its length here when the subscription began
    std::uint64_t learned = 0;  // longest length known in the time to learn
    std::uint64_t old = 0;      // blocks below are history
    bool seen = false;
    std::map<std::uint64_t, std::optional<TopicDelivery>> early;  // read before their turn
  };
  std::optional<std::uint64_t> first_block(Now now, const Bytes32& feed,
                                           const Cursor& cursor) const;
  bool is_wanted(const Bytes32& feed, const Cursor& cursor, const TopicDelivery& message) const;

  SubscriptionOptions options_;
  Now started_;
  std::map<Bytes32, Cursor> cursors_;
  std::deque<TopicDelivery> ready_;
  std::deque<TopicGap> gaps_;
  std::size_t held_ = 0;  // reads under way and messages not taken
  std::size_t held_bytes_ = 0;
};

}  // namespace cip::overlay
