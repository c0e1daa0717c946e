#pragma once

// What a feed has verified or appended since its last commit was made up. It is searched by readers
// and by proofs until it is on disk.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/number_map.hpp"
#include "store/store_op.hpp"

namespace cip::store {

class PendingCommit {
 public:
  // Both must not be held yet.
  void add_node(const TreeNode& node);
  void add_block(std::uint64_t index, Bytes value);
  void set_manifest(Manifest manifest) { manifest_ = std::move(manifest); }
  // Forgets blocks [start, end) here, and has them deleted on disk.
  void clear_blocks(std::uint64_t start, std::uint64_t end);
  // The same for blocks that the disk cannot read any more.
  void discard_blocks(std::uint64_t start, std::uint64_t end);
  void set_equivocation(Equivocation evidence) { equivocation_ = std::move(evidence); }
  // Forgets what lies at or after `length`, and has it deleted on disk.
  void truncate(std::uint64_t length);

  const TreeNode* find_node(std::uint64_t index) const;
  const Bytes* find_block(std::uint64_t index) const;

  bool empty() const;
  std::size_t bytes() const { return bytes_; }

  // Everything in the order that a commit has, without head and bitfield pages. Leaves this empty.
  CommitOp take();

 private:
  void forget_blocks(std::uint64_t start, std::uint64_t end);
  void index_again();

  std::vector<TreeNode> nodes_;
  std::vector<StoredBlock> blocks_;
  NumberMap<std::uint32_t> node_slots_;
  NumberMap<std::uint32_t> block_slots_;
  std::vector<BlockRange> cleared_;
  std::vector<BlockRange> lost_;
  std::optional<std::uint64_t> truncate_to_;
  std::optional<Manifest> manifest_;
  std::optional<Equivocation> equivocation_;
  std::size_t bytes_ = 0;
  // Of the commit before: the next one gets room for as many at once.
  std::size_t usual_nodes_ = 0;
  std::size_t usual_blocks_ = 0;
};

// The same searches in a commit that is on its way to the disk.
const TreeNode* find_node(const CommitOp& op, std::uint64_t index);
const Bytes* find_block(const CommitOp& op, std::uint64_t index);

}  // namespace cip::store
