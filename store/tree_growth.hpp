#pragma once

// Growing the roots of a tree by nodes that a peer sent: step B of verifying a proof (feeds.md
// 8.3), used for upgrades and for the patches of signatures alike.

#include <cstdint>
#include <span>
#include <vector>

#include "store/tree.hpp"

namespace cip::store {

// Hands out the nodes of a proof, each once, to whoever knows which index must come next.
class NodeQueue {
 public:
  // Nodes in the order in which they are needed, plus one that may be asked for at any time.
  explicit NodeQueue(std::span<const TreeNode> nodes, const TreeNode* extra = nullptr)
      : nodes_(nodes), extra_(extra) {}
  // Nodes that may be asked for in any order, again and again.
  static NodeQueue table(std::span<const TreeNode> nodes);

  // nullptr when the next node is another one.
  const TreeNode* take(std::uint64_t index);
  bool is_empty() const { return is_drained() && extra_is_used(); }
  // The nodes were all asked for.
  bool is_drained() const { return next_ == nodes_.size(); }
  // The extra node was asked for, or there was none.
  bool extra_is_used() const { return extra_ == nullptr; }

 private:
  std::span<const TreeNode> nodes_;
  const TreeNode* extra_;
  std::size_t next_ = 0;
  bool is_table_ = false;
};

// Grows `roots` to `length` with nodes of the queue, then by the additional nodes, and adds every
// node seen or computed to `made`. False when a node is not the one needed, or when `length` is
// below that of the roots; the roots are then of no use any more.
[[nodiscard]] bool grow(RootList& roots, std::uint64_t length, NodeQueue& queue,
                        std::span<const TreeNode> additional, std::vector<TreeNode>& made);

}  // namespace cip::store
