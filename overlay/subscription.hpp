#pragma once

// Where one subscriber stands in every author's feed of a topic: which blocks it still wants, in
// which order they are handed over. Reads run ahead of the subscriber, up to a bound, and may come
// back in any order; messages leave per author by seq, without gaps.

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
    only_new,  // blocks beyond the lengths learned in the first 2 s
    start,     // everything
    last,      // the last `number` messages of each author
    seq,       // from seq `number` of the one author
    time,      // messages of `wall` or later
  } kind = Kind::only_new;
  std::uint64_t number = 0;
  UnixMillis wall{};
};

struct SubscriptionOptions {
  Since since;
  std::optional<PublicKey> author;           // this author alone
  std::map<Bytes32, std::uint64_t> cursors;  // durable: seq to go on with, by feed; beats `since`
  Duration begun{};  // so long ago, at another node: `new` and times count from then
};

struct TopicDelivery {
  Bytes32 feed{};
  PublicKey author{};
  std::uint64_t seq = 0;
  UnixMillis time{};
  Bytes data;
};

class Subscription {
 public:
  Subscription(Now now, SubscriptionOptions options);

  const SubscriptionOptions& options() const { return options_; }
  // The lengths that `new` and `last` count from are learned until then.
  TimePoint learned_at() const { return started_.mono + kLearnTime; }
  bool waits_to_learn(const Bytes32& feed) const;

  // An author's feed and how far it is known to go; again whenever that changes. Decides, once it
  // can, which block comes first.
  void see_feed(Now now, const Bytes32& feed, UnixMillis created, std::uint64_t known_length);
  // The next block to read, if there is one below `available` and room for it.
  std::optional<std::uint64_t> next_read(const Bytes32& feed, std::uint64_t available);
  // A block that was asked for. Without `message` it could not be read and is passed over.
  void put(const Bytes32& feed, std::uint64_t index, std::optional<TopicDelivery> message);
  std::optional<TopicDelivery> take();

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
    std::uint64_t learned = 0;  // longest length known in the time to learn
    std::map<std::uint64_t, std::optional<TopicDelivery>> early;  // read before their turn
  };
  std::optional<std::uint64_t> first_block(Now now, const Bytes32& feed, UnixMillis created,
                                           const Cursor& cursor) const;

  SubscriptionOptions options_;
  Now started_;
  std::map<Bytes32, Cursor> cursors_;
  std::deque<TopicDelivery> ready_;
  std::size_t held_ = 0;  // reads under way and messages not taken
  std::size_t held_bytes_ = 0;
};

}  // namespace cip::overlay
