#include "store/tree.hpp"

#include <utility>

#include "base/assert.hpp"
#include "base/hash_lanes.hpp"
#include "base/little_endian.hpp"

namespace cip::store {
namespace {

FixedBytes<9> leaf_prefix(ByteView block) {
  FixedBytes<9> prefix{0};
  put_u64(&prefix[1], block.size());
  return prefix;
}

// A parent before it is hashed, and what the hash is taken of.
struct Unhashed {
  TreeNode node;
  FixedBytes<9 + 64> input;
};

Unhashed unhashed_parent(const TreeNode& a, const TreeNode& b) {
  const auto& left = a.index < b.index ? a : b;
  const auto& right = a.index < b.index ? b : a;
  Unhashed out{{flat::parent(left.index), left.size + right.size, {}}, {1}};
  put_u64(&out.input[1], out.node.size);
  std::memcpy(&out.input[9], left.hash.data(), 32);
  std::memcpy(&out.input[41], right.hash.data(), 32);
  return out;
}

}  // namespace

TreeNode leaf_node(std::uint64_t block_index, ByteView block) {
  return {2 * block_index, block.size(), hash({leaf_prefix(block), block})};
}

std::vector<TreeNode> leaf_nodes(std::span<const Leaf> leaves) {
  std::vector<FixedBytes<9>> prefixes;
  prefixes.reserve(leaves.size());  // the inputs point into it
  std::vector<HashInput> inputs;
  inputs.reserve(leaves.size());
  for (const auto& leaf : leaves) {
    inputs.push_back({prefixes.emplace_back(leaf_prefix(leaf.block)), leaf.block});
  }
  std::vector<Bytes32> hashes(leaves.size());
  hash_each(inputs, hashes);
  std::vector<TreeNode> out;
  out.reserve(leaves.size());
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    out.push_back({2 * leaves[i].block_index, leaves[i].block.size(), hashes[i]});
  }
  return out;
}

TreeNode parent_node(const TreeNode& a, const TreeNode& b) {
  auto out = unhashed_parent(a, b);
  out.node.hash = hash(out.input);
  return out.node;
}

std::vector<TreeNode> parent_nodes(std::span<const Siblings> pairs) {
  std::vector<Unhashed> parents;
  parents.reserve(pairs.size());  // the inputs point into it
  std::vector<HashInput> inputs;
  inputs.reserve(pairs.size());
  for (const auto& pair : pairs) {
    inputs.push_back({parents.emplace_back(unhashed_parent(pair.a, pair.b)).input, {}});
  }
  std::vector<Bytes32> hashes(pairs.size());
  hash_each(inputs, hashes);
  std::vector<TreeNode> out;
  out.reserve(pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    out.push_back(parents[i].node);
    out.back().hash = hashes[i];
  }
  return out;
}

Bytes32 tree_hash(std::span<const TreeNode> roots) {
  CIP_ASSERT(roots.size() <= 64);
  FixedBytes<1 + 64 * 48> input;
  input[0] = 2;
  std::size_t used = 1;
  for (const auto& root : roots) {
    std::memcpy(&input[used], root.hash.data(), 32);
    put_u64(&input[used + 32], root.index);
    put_u64(&input[used + 40], root.size);
    used += 48;
  }
  return hash(ByteView(input.data(), used));
}

void encode_node(Writer& out, const TreeNode& node) {
  out.uint(node.index);
  out.uint(node.size);
  out.raw(node.hash);
}

TreeNode decode_node(Reader& in) {
  TreeNode node;
  node.index = in.uint();
  node.size = in.uint();
  node.hash = in.fixed32();
  return node;
}

std::optional<RootList> RootList::from_nodes(std::vector<TreeNode> roots) {
  RootList out;
  for (const auto& root : roots) {
    if (flat::depth(root.index) > 52 || flat::left_span(root.index) != 2 * out.length_)
      return std::nullopt;
    const auto leaves = flat::leaf_count(root.index);
    // Larger trees stand to the left: a root no smaller than what follows would have been folded.
    if (out.length_ != 0 && (out.length_ & (2 * leaves - 1)) != 0) return std::nullopt;
    out.length_ += leaves;
    out.byte_length_ += root.size;
  }
  if (out.length_ > kMaxLength) return std::nullopt;
  out.roots_ = std::move(roots);
  return out;
}

void RootList::append(const TreeNode& node, std::vector<TreeNode>& made) {
  CIP_ASSERT(flat::left_span(node.index) == 2 * length_);
  length_ += flat::leaf_count(node.index);
  byte_length_ += node.size;
  roots_.push_back(node);
  made.push_back(node);
  while (roots_.size() > 1 &&
         flat::sibling(roots_.back().index) == roots_[roots_.size() - 2].index) {
    const auto parent = parent_node(roots_[roots_.size() - 2], roots_.back());
    roots_.resize(roots_.size() - 2);
    roots_.push_back(parent);
    made.push_back(parent);
  }
}

}  // namespace cip::store
