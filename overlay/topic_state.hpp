#pragma once

// The inside of Topics: what is known of each topic, neighbour and author. For topics*.cpp alone.

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "overlay/topics.hpp"
#include "store/block_encryption.hpp"

namespace cip::overlay {

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
  };

  StreamInfo stream;
  ChannelId channel = 0;
  bool open = false;  // its capability was checked
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

  Bytes32 key{};
  store::Feed* feed = nullptr;  // none: not opened yet
  std::optional<KeyPair> own_key;
  std::optional<TopicHeader> header;
  std::optional<store::BlockCipher> cipher;
  std::uint64_t seen_length = 0;  // the feed's length when it was last spread
  std::uint64_t next_seq = 0;     // own feed: index of the next message
  bool reading_header = false;
  std::map<store::Ticket, Read> reads;
  std::map<store::Ticket, Incoming> incoming;
  std::map<store::Ticket, Outgoing> outgoing;
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
