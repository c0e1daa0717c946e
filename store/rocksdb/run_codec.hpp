#pragma once

// Bytes of the column families `nodes` and `blocks`: immutable runs of consecutive entries.
//
//   key        feed number u32 | position of the last entry u64            both big endian
//   node run   size width w (1..8) | { size, w bytes LE | hash 32 } ...
//   block run  01 | count u16 LE | { end offset u16 LE } ... | bytes of the blocks
//   one block  02 | bytes of the block                          4 KiB and more: lives in a blob
//   file
//
// A tree node's position is the place in which appends complete it; a block's is its index. All
// entries of a run have consecutive positions and come from one commit, so the key and the count
// say which. Runs never overlap: the only run that can hold a position is the first at or after it.
// Entries have a fixed width or an offset table, so that one of them is read without decoding the
// rest. Frozen with kStoreFormat.

#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "store/store_op.hpp"

namespace cip::store {

// A run is this long at most. Readers that jump about pay for whole runs: at 64 KiB they were half
// as fast as at 16 KiB, while writers and readers in order gain nothing measurable from longer
// ones.
inline constexpr std::size_t kMaxRunBytes = std::size_t{16} << 10;
// Blocks of this size and more stand alone, so that their bytes never move in a compaction.
inline constexpr std::size_t kStandaloneBlockBytes = 4096;
// Bounds the offset table of a run of empty blocks.
inline constexpr std::size_t kMaxRunBlocks = 4096;

using RunKey = FixedBytes<12>;
RunKey run_key(FeedNumber feed, std::uint64_t last);
struct RunPlace {
  FeedNumber feed = 0;
  std::uint64_t last = 0;
};
std::optional<RunPlace> decode_run_key(ByteView key);

// The key prefix of everything that belongs to a feed, in every column family that has feeds.
using FeedPrefix = FixedBytes<4>;
FeedPrefix feed_prefix(FeedNumber feed);

// A node with its position.
struct PlacedNode {
  std::uint64_t position = 0;
  const TreeNode* node = nullptr;
};

// The value of a run of nodes with consecutive positions.
Bytes encode_node_run(std::span<const PlacedNode> nodes);
// How many nodes, from the front of `nodes` (ordered by position), make one run.
std::size_t node_run_length(std::span<const PlacedNode> nodes);

// The head of a run of blocks: everything but their bytes, so that these need not be copied.
Bytes encode_block_run_head(std::span<const StoredBlock> blocks);
// How many blocks, from the front of `blocks` (ordered by index), make one run; 1 for a large one.
std::size_t block_run_length(std::span<const StoredBlock> blocks);

// First byte of a value that is one block.
inline constexpr std::uint8_t kOneBlock = 2;

// Reads single entries of a run without copying it; nullopt when the bytes are no run.
class NodeRunView {
 public:
  static std::optional<NodeRunView> open(ByteView value);
  std::size_t count() const { return count_; }
  TreeNode at(std::size_t i, std::uint64_t tree_index) const;
  // The value of a run of `n` of these entries, from `first` on.
  Bytes slice(std::size_t first, std::size_t n) const;
  static bool stands_alone(ByteView) { return false; }

 private:
  std::size_t entry_bytes() const { return width_ + sizeof(Bytes32); }
  ByteView entries_;
  std::size_t width_ = 0;
  std::size_t count_ = 0;
};
class BlockRunView {
 public:
  static std::optional<BlockRunView> open(ByteView value);
  std::size_t count() const { return count_; }
  ByteView at(std::size_t i) const;
  // The value of a run of `n` of these blocks, from `first` on.
  Bytes slice(std::size_t first, std::size_t n) const;
  static bool stands_alone(ByteView value) { return !value.empty() && value[0] == kOneBlock; }

 private:
  std::size_t end_offset(std::size_t i) const;
  ByteView offsets_;  // empty: one block
  ByteView bytes_;
  std::size_t count_ = 0;
};

}  // namespace cip::store
