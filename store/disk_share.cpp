#include "store/disk_share.hpp"

#include <algorithm>
#include <bit>

namespace cip::store {

std::uint64_t held_bytes(const FeedState& state) {
  if (!state.head || state.head->length == 0) return 0;
  std::uint64_t held = 0;
  for (const auto& page : state.block_pages) {
    for (const auto byte : page.bits) held += static_cast<std::uint64_t>(std::popcount(byte));
  }
  const auto share = static_cast<double>(held) / static_cast<double>(state.head->length);
  return static_cast<std::uint64_t>(share * static_cast<double>(state.head->byte_length));
}

DiskUse sum_up(std::span<const DiskShare> shares) {
  DiskUse use;
  for (const auto& share : shares) {
    auto& part = share.disk_class == DiskClass::own    ? use.own
                 : share.disk_class == DiskClass::kept ? use.kept
                                                       : use.cache;
    part += share.bytes;
  }
  return use;
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
