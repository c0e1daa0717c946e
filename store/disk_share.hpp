#pragma once

// What a quota of disk means for feeds (design D15): what is own or kept stays and may not grow
// beyond it; cache makes room, the feed whose user read it longest ago first.

#include <cstdint>
#include <span>
#include <vector>

#include "store/backend.hpp"

namespace cip::store {

// What one feed takes: bytes of the blocks that are held, not what files take at the moment.
struct DiskShare {
  FeedNumber feed = 0;
  DiskClass disk_class = DiskClass::cache;
  std::uint64_t bytes = 0;
  UnixMillis used{};    // when it was last read for its user
  bool in_use = false;  // somebody reads it now, or a topic needs it
};

struct DiskUse {
  std::uint64_t own = 0;
  std::uint64_t kept = 0;
  std::uint64_t cache = 0;

  std::uint64_t lasting() const { return own + kept; }
  std::uint64_t total() const { return own + kept + cache; }
};

// Bytes of the blocks of a stored feed, as far as length and bitfield tell: blocks of a feed that
// is not here whole count with their average size.
std::uint64_t held_bytes(const FeedState& state);

DiskUse sum_up(std::span<const DiskShare> shares);

// The cache feeds to give up so that all that stays is within `quota`, in the order in which they
// go. Those in use are never among them, so that it may not be enough.
std::vector<FeedNumber> to_evict(std::span<const DiskShare> shares, std::uint64_t quota);

}  // namespace cip::store
