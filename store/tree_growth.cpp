#include "store/tree_growth.hpp"

#include <algorithm>
#include <utility>

#include "base/codec.hpp"

namespace cip::store {
namespace {

// Appends a node of a stranger: it must start where the tree ends and keep it within its bounds.
bool append_checked(RootList& roots, const TreeNode* node, std::vector<TreeNode>& made) {
  if (node == nullptr || flat::depth(node->index) > 52) return false;
  if (flat::left_span(node->index) != 2 * roots.length()) return false;
  if (flat::leaf_count(node->index) > kMaxLength - roots.length()) return false;
  if (node->size > kMaxSafeUint - std::min(roots.byte_length(), kMaxSafeUint)) return false;
  roots.append(*node, made);
  return true;
}

bool append_additional(RootList& roots, std::span<const TreeNode> nodes,
                       std::vector<TreeNode>& made) {
  if (nodes.empty()) return true;
  if (roots.empty()) return false;
  std::size_t next = 0;
  while (next < nodes.size() && nodes[next].index == flat::sibling(roots.nodes().back().index)) {
    if (!append_checked(roots, &nodes[next], made)) return false;
    ++next;
  }
  auto at = flat::sibling(roots.nodes().back().index);
  for (; next < nodes.size(); ++next) {
    while (at != nodes[next].index) {
      if (flat::depth(at) == 0) return false;
      at = flat::left_child(at);
    }
    if (!append_checked(roots, &nodes[next], made)) return false;
    at = flat::sibling(at);
  }
  return true;
}

}  // namespace

NodeQueue NodeQueue::table(std::span<const TreeNode> nodes) {
  NodeQueue queue(nodes);
  queue.is_table_ = true;
  return queue;
}

const TreeNode* NodeQueue::take(std::uint64_t index) {
  if (extra_ != nullptr && extra_->index == index) return std::exchange(extra_, nullptr);
  if (is_table_) {
    const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                    [&](const TreeNode& node) { return node.index == index; });
    return found == nodes_.end() ? nullptr : &*found;
  }
  if (next_ == nodes_.size() || nodes_[next_].index != index) return nullptr;
  return &nodes_[next_++];
}

bool grow(RootList& roots, std::uint64_t length, NodeQueue& queue,
          std::span<const TreeNode> additional, std::vector<TreeNode>& made) {
  if (length < roots.length() || length > kMaxLength) return false;
  std::size_t same = 0;
  bool may_climb = !roots.empty();
  for (const auto root : flat::Roots(length)) {
    if (same < roots.nodes().size() && roots.nodes()[same].index == root) {
      ++same;
      continue;
    }
    // The first new root may stand above the last of ours: climb to it from there.
    if (may_climb && same < roots.nodes().size()) {
      while (roots.nodes().back().index != root) {
        const auto* node = queue.take(flat::sibling(roots.nodes().back().index));
        if (!append_checked(roots, node, made)) return false;
      }
    } else if (!append_checked(roots, queue.take(root), made)) {
      return false;
    }
    may_climb = false;
    same = roots.nodes().size();
  }
  return roots.length() == length && append_additional(roots, additional, made);
}

}  // namespace cip::store
