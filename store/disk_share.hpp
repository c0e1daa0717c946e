#pragma once

// What a quota of disk means for feeds (decisions.md D15): what is own or kept stays and may not
// grow beyond it; cache makes room, the feed whose user read it longest ago first.

#include <cstdint>
#include <span>
#include <vector>

#include "store/backend.hpp"

namespace cip::store {

// What one feed takes of the disk once the database has tidied up: blocks, tree, index and the
// entries of the directory. What files take at the moment may be more.
struct DiskShare {
  FeedNumber feed = 0;
  DiskClass disk_class = DiskClass::cache;
  std::uint64_t bytes = 0;
  UnixMillis used{};      // when it was last read for its user
  bool in_use = false;    // somebody reads it now, or a topic needs it
  bool in_topic = false;  // what another author writes to a topic of this home
};

struct DiskUse {
  std::uint64_t own = 0;
  std::uint64_t kept = 0;
  std::uint64_t cache = 0;
  std::uint64_t topics = 0;          // of kept and cache: what others write to topics
  std::uint64_t lasting_topics = 0;  // of kept

  std::uint64_t lasting() const { return own + kept; }
  std::uint64_t total() const { return own + kept + cache; }
};

// What is held of a feed, as far as length and bitfields tell.
struct Holdings {
  std::uint64_t length = 0;
  std::uint64_t byte_length = 0;
  std::uint64_t blocks = 0;
  std::uint64_t nodes = 0;
};
// Its share of the disk. Blocks of a feed that is not here whole count with their average size. A
// tree of millions of empty blocks is 200 MB, so nodes count like blocks do.
std::uint64_t held_bytes(const Holdings& holdings);
std::uint64_t held_bytes(const FeedState& state);

// The `used` of a feed that is read now: behind every earlier one, whatever the clock said then or
// says now, so that what is evicted first is what was read longest ago.
UnixMillis next_use(UnixMillis wall, UnixMillis latest);

DiskUse sum_up(std::span<const DiskShare> shares);

// The cache feeds to give up so that all that stays is within `quota`, in the order in which they
// go. Those in use are never among them, so that it may not be enough.
std::vector<FeedNumber> to_evict(std::span<const DiskShare> shares, std::uint64_t quota);

// What others write to topics takes at most this part of a quota: strangers must neither keep a
// user from writing nor push out what was read.
constexpr std::uint64_t topic_share(std::uint64_t quota) { return quota / 2; }

// Whether topics leave the rest its room: their share is kept, and what lasts fits beside them.
bool topics_fit(const DiskUse& use, std::uint64_t quota);

// The topic feeds of others to give up so that topics_fit(), the largest first, since whoever
// writes most leaves least to the others; those that a durable subscriber reads are kept, and are
// never among them. `shares` without them is what then stays.
std::vector<FeedNumber> topic_feeds_to_give_up(std::span<const DiskShare> shares,
                                               std::uint64_t quota);

}  // namespace cip::store
