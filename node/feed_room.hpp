#pragma once

// What blocks that are not here would take of the disk, as far as the average of their feed tells.

#include <cstdint>

#include "store/feed.hpp"

namespace cip::node {

// What so many bytes are wanted for.
struct DiskDemand {
  store::FeedNumber feed = 0;
  std::uint64_t bytes = 0;
};

// Of the blocks from..end-1 (as far as the feed is known to go) those that are not held.
std::uint64_t missing_bytes(const store::Feed& feed, std::uint64_t from, std::uint64_t end);

// The largest end for which missing_bytes() is at most `bytes`; at most the length of the feed.
std::uint64_t end_within(const store::Feed& feed, std::uint64_t from, std::uint64_t bytes);

}  // namespace cip::node
