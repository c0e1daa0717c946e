#pragma once

// A bounded cache of verified nodes. Proofs are checked against the *frontier*: nodes that are held
// while what is below them is not. In a download in order the frontier has one node per level, so
// that its blocks never wait for a read. The cache therefore gives up nodes behind the frontier
// first, then low ones, which stand for few blocks.

#include <cstdint>
#include <vector>

#include "store/bitfield.hpp"
#include "store/tree.hpp"

namespace cip::store {

// At most 1,024 nodes, about 48 KiB: small beside thousands of feeds, and enough for in-order and
// locally random downloads.
inline constexpr std::size_t kMaxCachedNodes = 1024;

class NodeCache {
 public:
  // Which blocks and nodes are held; both outlive the cache.
  NodeCache(const Bitfield& blocks, const Bitfield& nodes) : blocks_(blocks), nodes_(nodes) {}

  void put(const TreeNode& node);
  // Good until the next put() or clear().
  const TreeNode* find(std::uint64_t index) const;
  void clear() { ways_.clear(); }

 private:
  static constexpr std::size_t kWays = 4;
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  std::size_t set_of(std::uint64_t index) const;
  bool is_frontier(std::uint64_t index) const;
  void grow();

  const Bitfield& blocks_;
  const Bitfield& nodes_;
  std::vector<TreeNode> ways_;  // sets of kWays, as many as a power of two; index kNone: free
  std::size_t turn_ = 0;
};

}  // namespace cip::store
