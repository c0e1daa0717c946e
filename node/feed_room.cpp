#include "node/feed_room.hpp"

#include <algorithm>

#include "store/disk_share.hpp"

namespace cip::node {

namespace {

std::uint64_t missing_blocks(const store::Feed& feed, std::uint64_t from, std::uint64_t end) {
  end = std::min(end, feed.length());
  return from < end ? end - from - feed.blocks().count(from, end) : 0;
}

// Rounded up, with what the tree and the index take of a feed that is held whole.
std::uint64_t bytes_per_block(const store::Feed& feed) {
  const auto length = feed.length();
  if (length == 0) return 1;
  const store::Holdings whole{length, feed.byte_length(), length, store::flat::node_count(length)};
  return (store::held_bytes(whole) + length - 1) / length;
}

}  // namespace

std::uint64_t missing_bytes(const store::Feed& feed, std::uint64_t from, std::uint64_t end) {
  return missing_blocks(feed, from, end) * bytes_per_block(feed);
}

std::uint64_t end_within(const store::Feed& feed, std::uint64_t from, std::uint64_t bytes) {
  const auto most = bytes / bytes_per_block(feed);
  auto low = std::min(from, feed.length());
  auto high = feed.length();
  while (low < high) {
    const auto middle = low + (high - low + 1) / 2;
    if (missing_blocks(feed, from, middle) <= most) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace cip::node
