#include "store/disk_share.hpp"

#include <algorithm>
#include <bit>

namespace cip::store {

namespace {

// The directory entry with its three indexes, head, roots and manifest.
constexpr std::uint64_t kFeedBytes = 1024;
// A hash and a size. Nodes lie in runs of hundreds after a download, of one or two after single
// appends; the entry of a run takes about 30 bytes, which are spread over both.
constexpr std::uint64_t kNodeBytes = 38;
// The place in a run and its part of bitfield and entry.
constexpr std::uint64_t kBlockBytes = 8;

std::uint64_t count_bits(const std::vector<BitfieldPage>& pages) {
  std::uint64_t count = 0;
  for (const auto& page : pages) {
    for (const auto byte : page.bits) count += static_cast<std::uint64_t>(std::popcount(byte));
  }
  return count;
}

}  // namespace

std::uint64_t held_bytes(const Holdings& holdings) {
  auto content = holdings.byte_length;
  if (holdings.blocks < holdings.length) {
    const auto share = static_cast<double>(holdings.blocks) / static_cast<double>(holdings.length);
    content = static_cast<std::uint64_t>(share * static_cast<double>(holdings.byte_length));
  }
  return kFeedBytes + content + holdings.blocks * kBlockBytes + holdings.nodes * kNodeBytes;
}

std::uint64_t held_bytes(const FeedState& state) {
  Holdings holdings;
  if (state.head) {
    holdings.length = state.head->length;
    holdings.byte_length = state.head->byte_length;
  }
  holdings.blocks = count_bits(state.block_pages);
  holdings.nodes = count_bits(state.node_pages);
  return held_bytes(holdings);
}

UnixMillis next_use(UnixMillis wall, UnixMillis latest) {
  return std::max(wall, UnixMillis{latest.value + 1});
}

DiskUse sum_up(std::span<const DiskShare> shares) {
  DiskUse use;
  for (const auto& share : shares) {
    auto& part = share.disk_class == DiskClass::own    ? use.own
                 : share.disk_class == DiskClass::kept ? use.kept
                                                       : use.cache;
    part += share.bytes;
    if (!share.in_topic) continue;
    use.topics += share.bytes;
    if (share.disk_class == DiskClass::kept) use.lasting_topics += share.bytes;
  }
  return use;
}

bool topics_fit(const DiskUse& use, std::uint64_t quota) {
  return use.topics <= topic_share(quota) &&
         use.lasting() + use.topics - use.lasting_topics <= quota;
}

std::vector<FeedNumber> topic_feeds_to_give_up(std::span<const DiskShare> shares,
                                               std::uint64_t quota) {
  std::vector<DiskShare> feeds;
  for (const auto& share : shares) {
    if (share.in_topic && share.disk_class == DiskClass::cache) feeds.push_back(share);
  }
  std::ranges::sort(feeds, [](const DiskShare& a, const DiskShare& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.feed < b.feed;
  });
  auto use = sum_up(shares);
  std::vector<FeedNumber> out;
  for (const auto& feed : feeds) {
    if (topics_fit(use, quota)) break;
    use.topics -= feed.bytes;
    use.cache -= feed.bytes;
    out.push_back(feed.feed);
  }
  return out;
}

std::vector<FeedNumber> to_evict(std::span<const DiskShare> shares, std::uint64_t quota) {
  std::vector<DiskShare> cache;
  for (const auto& share : shares) {
    if (share.disk_class == DiskClass::cache && !share.in_use && share.bytes > 0)
      cache.push_back(share);
  }
  std::ranges::sort(cache, [](const DiskShare& a, const DiskShare& b) {
    return a.used != b.used ? a.used < b.used : a.feed < b.feed;
  });
  auto total = sum_up(shares).total();
  std::vector<FeedNumber> out;
  for (const auto& share : cache) {
    if (total <= quota) break;
    total -= share.bytes;
    out.push_back(share.feed);
  }
  return out;
}

}  // namespace cip::store
