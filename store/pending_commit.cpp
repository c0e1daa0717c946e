#include "store/pending_commit.hpp"

#include <algorithm>
#include <utility>

namespace cip::store {
namespace {

// What a block or node takes besides its bytes, for the bound on what waits in memory.
constexpr std::size_t kBlockOverhead = sizeof(StoredBlock);
constexpr std::size_t kNodeOverhead = sizeof(TreeNode);

bool by_position(const TreeNode& a, const TreeNode& b) {
  return flat::position_of(a.index) < flat::position_of(b.index);
}
bool by_index(const StoredBlock& a, const StoredBlock& b) { return a.index < b.index; }

// By keys of their own: a position costs more than a comparison, a node more than a key to move.
void sort_by_position(std::vector<TreeNode>& nodes) {
  struct Key {
    std::uint64_t position;
    std::size_t at;
  };
  std::vector<Key> keys;
  keys.reserve(nodes.size());
  for (const auto& node : nodes) keys.push_back({flat::position_of(node.index), keys.size()});
  if (std::ranges::is_sorted(keys, {}, &Key::position)) return;
  std::ranges::sort(keys, {}, &Key::position);
  std::vector<TreeNode> sorted;
  sorted.reserve(nodes.size());
  for (const auto& key : keys) sorted.push_back(nodes[key.at]);
  nodes = std::move(sorted);
}

}  // namespace

void PendingCommit::add_node(const TreeNode& node) {
  if (nodes_.empty()) {
    nodes_.reserve(usual_nodes_);
    node_slots_.reserve(usual_nodes_);
  }
  node_slots_.insert(node.index, static_cast<std::uint32_t>(nodes_.size()));
  nodes_.push_back(node);
  bytes_ += kNodeOverhead;
}

void PendingCommit::add_block(std::uint64_t index, Bytes value) {
  if (blocks_.empty()) {
    blocks_.reserve(usual_blocks_);
    block_slots_.reserve(usual_blocks_);
  }
  block_slots_.insert(index, static_cast<std::uint32_t>(blocks_.size()));
  bytes_ += kBlockOverhead + value.size();
  blocks_.push_back({index, std::move(value)});
}

void PendingCommit::forget_blocks(std::uint64_t start, std::uint64_t end) {
  std::erase_if(blocks_, [&](const StoredBlock& b) { return b.index >= start && b.index < end; });
  index_again();
}

void PendingCommit::clear_blocks(std::uint64_t start, std::uint64_t end) {
  forget_blocks(start, end);
  cleared_.push_back({start, end});
}

void PendingCommit::discard_blocks(std::uint64_t start, std::uint64_t end) {
  forget_blocks(start, end);
  lost_.push_back({start, end});
}

void PendingCommit::truncate(std::uint64_t length) {
  const auto kept = flat::node_count(length);
  std::erase_if(blocks_, [&](const StoredBlock& b) { return b.index >= length; });
  std::erase_if(nodes_, [&](const TreeNode& n) { return flat::position_of(n.index) >= kept; });
  index_again();
  truncate_to_ = std::min(length, truncate_to_.value_or(length));
}

void PendingCommit::index_again() {
  auto blocks = std::exchange(blocks_, {});
  auto nodes = std::exchange(nodes_, {});
  node_slots_.clear();
  block_slots_.clear();
  bytes_ = 0;
  for (auto& block : blocks) add_block(block.index, std::move(block.value));
  for (const auto& node : nodes) add_node(node);
}

const TreeNode* PendingCommit::find_node(std::uint64_t index) const {
  const auto slot = node_slots_.find(index);
  return slot ? &nodes_[*slot] : nullptr;
}

const Bytes* PendingCommit::find_block(std::uint64_t index) const {
  const auto slot = block_slots_.find(index);
  return slot ? &blocks_[*slot].value : nullptr;
}

bool PendingCommit::empty() const {
  return nodes_.empty() && blocks_.empty() && cleared_.empty() && lost_.empty() && !truncate_to_ &&
         !manifest_ && !equivocation_;
}

CommitOp PendingCommit::take() {
  sort_by_position(nodes_);
  if (!std::ranges::is_sorted(blocks_, by_index)) std::ranges::sort(blocks_, by_index);
  CommitOp op;
  op.nodes = std::move(nodes_);
  op.blocks = std::move(blocks_);
  op.cleared = std::move(cleared_);
  op.lost = std::move(lost_);
  op.truncate_to = truncate_to_;
  op.manifest = std::move(manifest_);
  op.equivocation = std::move(equivocation_);
  *this = {};
  usual_nodes_ = op.nodes.size();
  usual_blocks_ = op.blocks.size();
  return op;
}

const TreeNode* find_node(const CommitOp& op, std::uint64_t index) {
  const auto at =
      std::lower_bound(op.nodes.begin(), op.nodes.end(), TreeNode{index, 0, {}}, by_position);
  return at != op.nodes.end() && at->index == index ? &*at : nullptr;
}

const Bytes* find_block(const CommitOp& op, std::uint64_t index) {
  const auto at =
      std::lower_bound(op.blocks.begin(), op.blocks.end(), StoredBlock{index, {}}, by_index);
  return at != op.blocks.end() && at->index == index ? &at->value : nullptr;
}

}  // namespace cip::store
