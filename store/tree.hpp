#pragma once

// Nodes of a feed's Merkle tree, their hashes and the roots of a feed (feeds.md 6; peer
// implementation: npm hypercore, lib/merkle-tree.js).
//
//   leaf hash   = H(00 || u64(block size) || block)
//   parent hash = H(01 || u64(left size + right size) || left hash || right hash)
//   tree hash   = H(02 || for every root, left to right: hash || u64(index) || u64(size))

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/codec.hpp"
#include "base/crypto.hpp"
#include "store/flat_tree.hpp"

namespace cip::store {

struct TreeNode {
  std::uint64_t index = 0;  // in-order tree index
  std::uint64_t size = 0;   // bytes of all blocks below
  Bytes32 hash{};

  bool operator==(const TreeNode&) const = default;
};

TreeNode leaf_node(std::uint64_t block_index, ByteView block);
struct Leaf {
  std::uint64_t block_index = 0;
  ByteView block;
};
// leaf_node() of each, hashed side by side.
std::vector<TreeNode> leaf_nodes(std::span<const Leaf> leaves);
// Both are siblings, in any order.
TreeNode parent_node(const TreeNode& a, const TreeNode& b);
// The same for many pairs of siblings, which are hashed side by side.
struct Siblings {
  TreeNode a;
  TreeNode b;
};
std::vector<TreeNode> parent_nodes(std::span<const Siblings> pairs);
Bytes32 tree_hash(std::span<const TreeNode> roots);

// On the wire: uint index, uint size, fixed32 hash.
inline constexpr std::size_t kMinNodeSize = 34;
void encode_node(Writer& out, const TreeNode& node);
TreeNode decode_node(Reader& in);

// The roots of a tree that only grows at its right edge.
class RootList {
 public:
  RootList() = default;
  // The roots as stored; nullopt when they are not those of any tree.
  static std::optional<RootList> from_nodes(std::vector<TreeNode> roots);

  const std::vector<TreeNode>& nodes() const { return roots_; }
  bool empty() const { return roots_.empty(); }
  std::uint64_t length() const { return length_; }
  std::uint64_t byte_length() const { return byte_length_; }
  Bytes32 hash() const { return tree_hash(roots_); }

  // Appends a node at the right edge, folds siblings into their parents, and adds the node and
  // every parent made to `made`. The node must start where the tree ends.
  void append(const TreeNode& node, std::vector<TreeNode>& made);

 private:
  std::vector<TreeNode> roots_;
  std::uint64_t length_ = 0;
  std::uint64_t byte_length_ = 0;
};

}  // namespace cip::store
