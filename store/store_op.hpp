#pragma once

// What a feed asks of the disk, as values. A Feed hands out StoreOps, its owner runs them on a
// Backend (here, at once; in the simulator, after a drawn delay; in the node, on a pool) and
// returns the results in any order.
//
// Layout that these operations are made for (store/README.md): blocks are keyed by index,
// nodes by completion position (flat_tree.hpp). Consecutive entries of one commit form a run. Runs
// never overlap, since a commit holds only nodes and blocks that are not stored: the feed's two
// bitfields are exact.

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "store/bitfield.hpp"
#include "store/manifest.hpp"
#include "store/tree.hpp"

namespace cip::store {

// Local number of a feed in one database.
using FeedNumber = std::uint32_t;
// Unique among the operations of one Feed object; (feed, id) identifies one among many feeds.
using StoreOpId = std::uint64_t;

// What is verified of a feed and who vouches for it.
struct FeedHead {
  std::uint64_t length = 0;
  std::uint64_t byte_length = 0;
  std::uint64_t fork = 0;
  std::vector<TreeNode> roots;  // left to right
  Bytes signature;              // as sent (feeds.md 7)
  bool compat = false;          // no manifest: the key is the public key (feeds.md 5.2)
  bool frozen = false;          // a second signed history was seen (feeds.md 8.4)

  bool operator==(const FeedHead&) const = default;
};

// A head with the signature that vouches for it.
struct SignedHead {
  std::uint64_t length = 0;
  std::uint64_t fork = 0;
  std::vector<TreeNode> roots;  // left to right
  Bytes signature;              // as sent

  Bytes32 tree_hash() const { return store::tree_hash(roots); }
  bool operator==(const SignedHead&) const = default;
};

// The evidence that the writer of a feed signed two histories: two heads of one fork, and at
// `length`, which both reach, two tree hashes.
struct Equivocation {
  std::uint64_t length = 0;
  Bytes32 our_hash{};
  Bytes32 their_hash{};
  SignedHead ours;
  SignedHead theirs;

  bool operator==(const Equivocation&) const = default;
};

struct StoredBlock {
  std::uint64_t index = 0;
  Bytes value;
};

// Blocks start..end-1.
struct BlockRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  bool operator==(const BlockRange&) const = default;
};

// Everything that opening a feed needs: what the directory says of it, and what is stored of it.
// Pages that hold no bit at all may be left out.
struct FeedState {
  FeedNumber feed = 0;
  Bytes32 key{};
  bool compat = false;                       // known to have no manifest, e.g. an own compat feed
  std::optional<Manifest> manifest;          // none: compat or not learnt yet
  std::optional<FeedHead> head;              // none: nothing committed yet
  std::optional<Equivocation> equivocation;  // why the feed is frozen
  std::vector<BitfieldPage> block_pages;     // bits: block index
  std::vector<BitfieldPage> node_pages;      // bits: completion position of a node
};

struct ReadOp {
  FeedNumber feed = 0;
  std::vector<std::uint64_t> nodes;   // tree indexes, in any order, repetitions possible
  std::vector<std::uint64_t> blocks;  // block indexes, the same
  bool from_disk = false;             // not from copies in memory where that can be told
};

// In the order of the ReadOp; nullopt for what is not stored.
struct ReadResult {
  std::vector<std::optional<TreeNode>> nodes;
  std::vector<std::optional<Bytes>> blocks;
};

// One atomic step of a feed, to be applied in the order of the members.
struct CommitOp {
  FeedNumber feed = 0;
  // Delete blocks at or after this length and nodes at positions from node_count(length) on.
  std::optional<std::uint64_t> truncate_to;
  std::vector<BlockRange> cleared;  // delete the blocks that exist in these; nodes stay
  // The same for blocks that cannot be read. What is damaged together with them is lost as well.
  std::vector<BlockRange> lost;
  std::optional<Manifest> manifest;
  std::optional<FeedHead> head;
  std::optional<Equivocation> equivocation;
  std::vector<TreeNode> nodes;            // by ascending completion position, none stored before
  std::vector<StoredBlock> blocks;        // by ascending index, none stored before
  std::vector<BitfieldPage> block_pages;  // whole pages that replace the stored ones
  std::vector<BitfieldPage> node_pages;
  bool sync = false;  // the result may come only after this and all earlier commits are durable
};

// Shared, and constant from the moment it is handed out: the feed answers readers from its blocks
// while a pool thread writes it.
using CommitPtr = std::shared_ptr<const CommitOp>;

struct StoreOp {
  StoreOpId id = 0;
  std::variant<ReadOp, CommitPtr> op;

  FeedNumber feed() const {
    const auto* read = std::get_if<ReadOp>(&op);
    return read != nullptr ? read->feed : std::get<CommitPtr>(op)->feed;
  }
};

// A commit that worked gives an empty ReadResult.
using StoreResult = Result<ReadResult>;

}  // namespace cip::store
