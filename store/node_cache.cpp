#include "store/node_cache.hpp"

#include <algorithm>
#include <utility>

namespace cip::store {
namespace {

constexpr std::size_t kFirstSize = 32;

TreeNode free_way() { return {~std::uint64_t{0}, 0, {}}; }

}  // namespace

std::size_t NodeCache::set_of(std::uint64_t index) const {
  const auto mixed = static_cast<std::size_t>((index * 0x9e3779b97f4a7c15) >> 32);
  return (mixed * kWays) & (ways_.size() - 1);
}

bool NodeCache::is_frontier(std::uint64_t index) const {
  if (flat::depth(index) == 0) return !blocks_.get(index / 2);
  return !nodes_.get(flat::position_of(flat::left_child(index)));
}

const TreeNode* NodeCache::find(std::uint64_t index) const {
  if (ways_.empty()) return nullptr;
  const auto set = set_of(index);
  for (std::size_t i = set; i < set + kWays; ++i)
    if (ways_[i].index == index) return &ways_[i];
  return nullptr;
}

void NodeCache::put(const TreeNode& node) {
  if (ways_.empty()) ways_.resize(kFirstSize, free_way());
  const auto set = set_of(node.index);
  std::size_t lowest = set;
  for (auto i = set; i < set + kWays; ++i) {
    if (ways_[i].index == node.index || ways_[i].index == kNone) {
      ways_[i] = node;
      return;
    }
    if (flat::depth(ways_[i].index) < flat::depth(ways_[lowest].index)) lowest = i;
  }
  for (std::size_t i = 0; i < kWays; ++i) {
    auto& way = ways_[set + (turn_ + i) % kWays];
    if (is_frontier(way.index)) continue;
    way = node;
    ++turn_;  // else one way would take all the turns where nothing is frontier, as at a seeder
    return;
  }
  if (ways_.size() < kMaxCachedNodes) {
    grow();
    put(node);
  } else if (flat::depth(ways_[lowest].index) <= flat::depth(node.index)) {
    ways_[lowest] = node;
  }
}

void NodeCache::grow() {
  auto old = std::exchange(ways_, {});
  ways_.resize(2 * old.size(), free_way());
  for (const auto& node : old)
    if (node.index != kNone) put(node);
}

}  // namespace cip::store
