#pragma once

// One feed: a signed append-only log of blocks, of which this machine holds all, some or none
// (feeds.md 5 to 8; peer implementation: npm hypercore, lib/core.js).
//
// A machine without I/O. Commands return a ticket and answer by an event that carries it; storage
// operations go out by poll_store_op() and come back by handle_store_done(). After every command
// and every handle_store_done() the owner drains poll_store_op(), then poll_event(). Answers may be
// ready at once: an event can be there before the first store operation is.
//
// What is in memory: head, roots, manifest, which blocks and nodes are held, everything not written
// yet, and a bounded cache of nodes that proofs are likely to be checked against. All else is read.
//
// Group commit: one commit is in flight at most, whatever is applied or appended meanwhile goes
// into the next one, signed once. Own appends become visible (length, has, prove) and are announced
// by Appended only after their commit is durable; downloads are visible and readable as soon as
// they are verified.
//
// Not thread-safe. Movable.

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/result.hpp"
#include "store/bitfield.hpp"
#include "store/errors.hpp"
#include "store/manifest.hpp"
#include "store/proof.hpp"
#include "store/store_op.hpp"

namespace cip::store {

// Names the answer to one command of one Feed object; never 0.
using Ticket = std::uint64_t;

// Proofs, reads and checks that may wait for the disk at one time; more are answered `overloaded`.
inline constexpr std::size_t kMaxWaiting = 8192;
// Blocks that one ReadOp asks for at most, and about how many bytes, so that the first of many
// large ones is on its way while the others are read.
inline constexpr std::size_t kMaxBlocksPerRead = 256;
inline constexpr std::size_t kMaxBytesPerRead = 512 << 10;

// Blocks that one step of verify() checks at most, and about how many bytes.
inline constexpr std::uint64_t kMaxBlocksPerVerify = 64;
inline constexpr std::uint64_t kMaxBytesPerVerify = 4 << 20;
// Histories of one Feed object that snapshots are told apart by; older snapshots are `rewritten`.
inline constexpr std::size_t kMaxHistories = 4096;

// What a reader holds on to while the feed changes: the feed as it was at one moment.
struct Snapshot {
  std::uint64_t fork = 0;
  std::uint64_t length = 0;
  std::uint64_t byte_length = 0;
  Bytes32 tree_hash{};
  std::uint64_t history = 0;  // of the Feed object that gave it; means nothing to another one
};

// Something of a feed that is not what it should be.
struct BadPart {
  enum class Kind : std::uint8_t { block = 1, node = 2, signature = 3 };
  Kind kind = Kind::block;
  // Of a block its number, of a node its tree index, of the signature the length it is for.
  std::uint64_t index = 0;
  // hash_mismatch, invalid_signature, corrupt (unreadable, or gone from the disk), not_available
  // (a node that the tree needs is not held), or what else the disk says.
  std::error_code reason;
  bool operator==(const BadPart&) const = default;
};

// Own appends are durable: the feed has grown from `start` to `length`. One event per commit.
struct Appended {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
};
// A proof was verified and applied; its block can be read.
struct Applied {
  Ticket ticket = 0;
  std::optional<std::uint64_t> block;  // stored now; absent also when it was held before
  bool upgraded = false;               // length grew
  bool learnt_manifest = false;
};
// A proof was not applied and nothing changed. blames_peer(reason) tells whose fault it is.
struct Rejected {
  Ticket ticket = 0;
  std::error_code reason;
};
// Errors: not_available, invalid_request, overloaded.
struct ProofReady {
  Ticket ticket = 0;
  Result<Proof> proof;
};
// Errors: not_available, out_of_range, overloaded, rewritten, corrupt (the disk does not have what
// was written there) and what else the disk says.
struct BlockRead {
  Ticket ticket = 0;
  std::uint64_t index = 0;
  Result<Bytes> value;
};
// One step of verify(). `next` is the block to go on from, unless `done`.
struct Verified {
  Ticket ticket = 0;
  std::uint64_t next = 0;
  std::uint64_t blocks = 0;  // looked at in this step
  std::uint64_t nodes = 0;
  std::vector<BadPart> bad;
  bool done = false;
};
// Where a byte offset lies. Errors: out_of_range, not_available (the tree here does not reach down
// to that block), corrupt, overloaded.
struct Position {
  std::uint64_t block = 0;
  std::uint64_t offset = 0;  // within the block
  bool operator==(const Position&) const = default;
};
struct Sought {
  Ticket ticket = 0;
  Result<Position> position;
  // With not_available: a tree index that a peer can be asked for together with the byte offset
  // (ProofRequest::hash and ::seek), whose answer brings the walk on.
  std::optional<std::uint64_t> missing;
};
// Downloads are on disk (not necessarily synced): blocks below `contiguous` have no gap there.
struct Written {
  std::uint64_t contiguous = 0;
};
// All that was applied before sync() is durable.
struct Synced {
  Ticket ticket = 0;
};
// The feed has another history, on disk too: own truncate(), or a proof of a higher fork.
struct Truncated {
  std::uint64_t common = 0;  // blocks below this are what they were
  std::uint64_t length = 0;
  std::uint64_t fork = 0;
};
// Result of check_conflict(): true means that the feed is frozen now.
struct ConflictChecked {
  Ticket ticket = 0;
  bool conflict = false;
};
// A commit failed, and so does all that waits or is asked for later: reads with store_failed,
// writes with this reason, verify() and sync() by this event again. Open it anew from what is on
// disk.
struct StoreFailed {
  std::error_code reason;
};
using FeedEvent = std::variant<Appended, Applied, Rejected, ProofReady, BlockRead, Written, Synced,
                               Truncated, ConflictChecked, StoreFailed, Verified, Sought>;

class Feed {
 public:
  // From what a backend loaded; a new feed has at most a manifest. Checks that head, roots, bits,
  // manifest and signature agree. Errors: corrupt, invalid_signature, wrong_manifest.
  static Result<Feed> open(FeedState state);

  Feed(Feed&&) noexcept;
  Feed& operator=(Feed&&) noexcept;
  ~Feed();

  // --- What is known ---

  FeedNumber number() const;
  const Bytes32& key() const;
  Bytes32 discovery_key() const;
  std::uint64_t length() const;  // verified blocks, not necessarily held
  // The same with appends that are not durable yet: where the next append begins.
  std::uint64_t appended_length() const;
  std::uint64_t byte_length() const;  // bytes in them, encryption padding included
  std::uint64_t fork() const;
  const Bytes& signature() const;  // of the current head, as sent
  Bytes32 tree_hash() const;
  const std::optional<Manifest>& manifest() const;
  bool is_compat() const;
  // What the sync message says: the manifest is known and the feed is not compat.
  bool has_manifest() const { return manifest().has_value(); }
  bool is_frozen() const;
  // Why it is frozen: the heads of both histories.
  const std::optional<Equivocation>& equivocation() const;
  // Whether `key` alone signs this feed, so that append() will take it.
  bool is_writer(const PublicKey& public_key) const;

  bool has(std::uint64_t index) const;
  // What the feed takes of the disk, about (disk_share.hpp).
  std::uint64_t held_bytes() const;
  // Blocks held from 0 on without a gap.
  std::uint64_t contiguous_length() const;
  // The same for what is on disk.
  std::uint64_t written_length() const;
  // Which blocks are held. Bits at or after length() may belong to appends in progress.
  const Bitfield& blocks() const;
  // feeds.md 8.1: how many levels a proof of block `index` must climb to reach a stored node.
  std::uint64_t wanted_nodes(std::uint64_t index) const;
  // The same for a node of the tree.
  std::uint64_t wanted_nodes_of_hash(std::uint64_t tree_index) const;
  // Whether a proof that has come to this node of the tree must climb on: wanted_nodes() counts
  // such levels.
  bool must_climb(std::uint64_t tree_index) const;
  // feeds.md 10.3: whether an upgrade from `length` could be proved, i.e. all its roots are held.
  bool has_roots_of(std::uint64_t length) const;

  // Bytes verified or appended but not on disk. The owner stops feeding above its own bound.
  std::size_t uncommitted_bytes() const;
  // Nothing waits for the disk.
  bool is_idle() const;

  // --- Commands ---

  // Adds blocks and returns the index of the first. They are durable and visible with the Appended
  // whose length is beyond them. `key` signs; it is kept only until the commit is made up.
  // Errors: not_writer, block_too_large, frozen, store_failed, out_of_range (longer than feeds
  // get).
  Result<std::uint64_t> append(std::vector<Bytes> blocks, const KeyPair& key);

  // Cuts the feed to `length` blocks and signs that with the next fork number: Truncated, once it
  // is durable. Until then nothing is proved, applied or appended. Errors: not_writer, out_of_range
  // (longer than the feed, or inside the prologue), not_available (roots that are not held),
  // overloaded (appends or a cut not durable yet), frozen, store_failed.
  Result<void> truncate(std::uint64_t length, const KeyPair& key);

  // Whether a proof {upgrade from 0} of a higher fork may replace our history (feeds.md 8.4); if
  // not, which is the default, it is rejected: as later_fork when it is right.
  void allow_forks(bool allow);

  // Answers a request of a peer: ProofReady. Reads exactly the nodes and the block it needs.
  Ticket prove(const ProofRequest& request);

  // Verifies against the trusted state and applies: Applied or Rejected. All or nothing.
  Ticket apply(Proof proof);
  // Each in turn, as apply() does; the first has the ticket returned, the others those that follow.
  // Their blocks are hashed side by side, which is faster than one by one.
  Ticket apply(std::vector<Proof> proofs);

  // BlockRead.
  Ticket read(std::uint64_t index);

  // The feed as it is now; costs nothing and binds nothing.
  Snapshot snapshot() const;
  // BlockRead, of that snapshot: `rewritten` once the block went with a history that was replaced,
  // out_of_range at and after the snapshot's length. A reader thus never sees a mix of histories.
  Ticket read(std::uint64_t index, const Snapshot& snapshot);

  // Sought: the block that byte `offset` is in. `padding` is what every block has in front that
  // does not count: kBlockPadding for encrypted feeds. The end of the feed is {length, 0}.
  Ticket seek(std::uint64_t offset, std::uint64_t padding = 0);

  // Verified: one step of a check of everything that is held, from block `from` on, as it is on
  // disk: blocks against their leaves, nodes against their parents, roots and signature with the
  // last step. What is appended or fetched meanwhile is checked when the walk comes to it.
  Ticket verify(std::uint64_t from);

  // Synced, once everything applied so far is durable.
  Ticket sync();

  // Forgets blocks start..end-1 (tree nodes stay, so that they can be fetched again).
  // Errors: frozen, store_failed.
  Result<void> clear(std::uint64_t start, std::uint64_t end);

  // As clear(), for blocks that the disk cannot read any more. What is damaged together with them
  // is lost as well, and found out when it is read.
  Result<void> discard(std::uint64_t start, std::uint64_t end);

  // feeds.md 10.6: does this proof {upgrade from 0} show a second signed history? ConflictChecked.
  Ticket check_conflict(Proof proof);

  // --- Storage and events ---

  std::optional<StoreOp> poll_store_op();
  void handle_store_done(StoreOpId id, StoreResult result);
  std::optional<FeedEvent> poll_event();

 private:
  class Machine;
  explicit Feed(std::unique_ptr<Machine> machine);
  std::unique_ptr<Machine> machine_;
};

}  // namespace cip::store
