#pragma once

// The inside of Topics: what is known of each topic, neighbour and author. For topics*.cpp alone.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "overlay/topics.hpp"
#include "store/block_encryption.hpp"

namespace cip::overlay {

// A clock that shows `clock` at this moment, as Topics::Author::Clock::shift.
std::int64_t clock_shift(Now now, UnixMillis clock);

// The other end of one stream that takes part in the topic. Feeds are named by numbers, each side
// its own; a feed is introduced once by each side.
struct Topics::Neighbour {
  // What we told it of a feed.
  struct Told {
    std::uint64_t index = 0;
    std::uint64_t length = 0;
    std::uint64_t acked = 0;
  };
  // What it told us.
  struct Shown {
    std::uint64_t length = 0;  // raised by pushes that are under way to it
    std::uint64_t acked = 0;
    bool eager = true;
    std::optional<std::int64_t> clock{};  // of the author, as Author::Clock::shift
  };

  StreamInfo stream;
  ChannelId channel = 0;
  bool open = false;  // its capability was checked
  TimePoint opened{};
  std::map<Bytes32, Told> told;
  std::map<std::uint64_t, Bytes32> names;  // its numbers
  std::map<Bytes32, Shown> shown;
  TimePoint hour_began{};
  std::size_t introduced_this_hour = 0;

  bool is_told(const Bytes32& feed) const { return told.contains(feed); }
};

// One author's feed of a topic.
struct Topics::Author {
  struct Read {
    SubscriptionId subscription = 0;  // 0: the header
    std::uint64_t index = 0;
  };
  // A push that a neighbour sent and the feed is checking.
  struct Incoming {
    ConnId from = 0;
    std::uint64_t hops = 0;
  };
  // A push that the feed makes up for these neighbours.
  struct Outgoing {
    std::uint64_t from = 0;
    std::uint64_t hops = 0;
    std::vector<ConnId> to;
  };

  // Monotonic time decides here, so that no change of the clock of this machine matters.
  struct Clock {
    std::int64_t shift = 0;       // what it shows, in ms since 1970, less monotonic time here
    bool from_author = false;     // told by the author itself, not by a neighbour
    std::int64_t told_ahead = 0;  // of the last TopicClockKnown
  };

  Bytes32 key{};
  store::Feed* feed = nullptr;  // none: not opened yet, or given up for want of room
  std::optional<KeyPair> own_key;
  std::optional<TopicHeader> header;
  std::optional<store::BlockCipher> cipher;
  std::optional<Clock> clock;
  std::uint64_t floor = 0;        // blocks from 1 on below it were given up
  std::uint64_t old_length = 0;   // history: what was here, or was told of when a neighbour came
  std::uint64_t seen_length = 0;  // the feed's length when it was last spread
  std::uint64_t next_seq = 0;     // own feed: index of the next message
  bool reading_header = false;
  std::map<store::Ticket, Read> reads;
  std::map<store::Ticket, Incoming> incoming;
  std::map<store::Ticket, Outgoing> outgoing;

  // What its clock shows now, as far as is known here.
  std::optional<UnixMillis> shown_clock(Now now) const;
  // The block that the subscription waits for because it is not here.
  std::optional<std::uint64_t> hole_for(const Subscription& subscription) const;
  // Neighbours may hear of it: its header was read, and the feed is open.
  bool is_shared() const { return header && feed != nullptr; }
  // Blocks from `from` on, which is not below the floor, are held up to here without gap.
  std::uint64_t held_from(std::uint64_t from) const {
    return feed->blocks().first_unset(std::min(from, feed->length()), feed->length());
  }
  // Blocks below, from the floor on, are on disk without gap.
  std::uint64_t written() const {
    if (floor == 0) return feed->written_length();
    return feed->uncommitted_bytes() == 0 ? held_from(floor) : 0;
  }
};

struct Topics::Topic {
  Bytes32 key{};
  Bytes32 id{};
  bool is_private = false;
  std::map<Bytes32, Author> authors;
  std::map<ConnId, Neighbour> neighbours;
  std::map<SubscriptionId, Subscription> subscriptions;
  std::optional<Bytes32> own;

  Author* find_author(const Bytes32& feed) {
    const auto found = authors.find(feed);
    return found == authors.end() ? nullptr : &found->second;
  }
};

}  // namespace cip::overlay
