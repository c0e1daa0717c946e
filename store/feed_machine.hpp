#pragma once

// The inside of a Feed, for its own sources only. feed_machine.cpp holds the state and appends,
// feed_apply.cpp verifies and applies proofs, feed_fork.cpp replaces one history by another,
// feed_conflict.cpp compares two, feed_serve.cpp answers from what is held, feed_seek.cpp finds
// byte offsets, feed_verify.cpp checks what is on disk, feed_storage.cpp makes up commits and
// reads.

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/machine.hpp"
#include "store/climb.hpp"
#include "store/feed.hpp"
#include "store/node_cache.hpp"
#include "store/node_source.hpp"
#include "store/pending_commit.hpp"
#include "store/signatures.hpp"

namespace cip::store {

// Work that waits for nodes or a block from the disk. `fetched` collects the nodes that came.
struct ProveJob {
  Ticket ticket = 0;
  ProofRequest request;
  std::vector<TreeNode> fetched;
  Proof proof;              // planned, some nodes unfilled
  bool is_planned = false;  // what is read next fills the proof
};
struct ApplyJob {
  Ticket ticket = 0;
  Proof proof;
  std::optional<HashedPath> path;  // of the proof's block, once it is hashed
  std::vector<TreeNode> fetched;
};
struct ReadJob {
  Ticket ticket = 0;
  std::uint64_t index = 0;
  std::optional<Snapshot> snapshot;
  bool is_second = false;  // the first time nothing was there
};
struct SeekJob {
  Ticket ticket = 0;
  std::uint64_t offset = 0;
  std::uint64_t padding = 0;
  std::vector<TreeNode> fetched;
};
// First all that a step needs is read at once; should that fail, one thing after another, so that
// what is bad has a name.
struct VerifyJob {
  Ticket ticket = 0;
  std::uint64_t from = 0;
  std::uint64_t end = 0;  // of the step
  std::uint64_t era = 0;
  std::vector<std::uint64_t> nodes;                    // to be read
  std::vector<std::uint64_t> blocks;                   // the same
  std::unordered_map<std::uint64_t, TreeNode> found;   // by tree index
  std::unordered_map<std::uint64_t, TreeNode> leaves;  // of blocks, as their bytes hash
  bool is_alone = false;
  std::size_t next = 0;  // while alone: of nodes, then of blocks
  std::vector<BadPart> bad;
};
struct ConflictJob {
  Ticket ticket = 0;
  Proof proof;
  std::vector<TreeNode> fetched;
};
struct CutJob {
  std::uint64_t length = 0;
  KeyPair key;
  std::vector<TreeNode> fetched;
};
using Job = std::variant<ProveJob, ApplyJob, ReadJob, ConflictJob, CutJob, SeekJob, VerifyJob>;

class Feed::Machine final : public NodeSource {
 public:
  explicit Machine(FeedState stored);
  // Whether what was loaded agrees with itself.
  Result<void> check() const;

  const TreeNode* find(std::uint64_t index) const override;
  bool is_held(std::uint64_t index) const override;

  bool is_writer(const PublicKey& public_key) const;
  bool has(std::uint64_t index) const;
  std::uint64_t wanted_nodes(std::uint64_t tree_index) const;
  bool must_climb(std::uint64_t tree_index) const;
  bool has_roots_of(std::uint64_t length) const;
  std::uint64_t appended_length() const { return tip_ ? tip_->length() : roots_.length(); }
  std::size_t uncommitted_bytes() const;
  std::uint64_t held_bytes() const;
  bool is_idle() const;
  Snapshot snapshot() const;

  Result<std::uint64_t> append(std::vector<Bytes> blocks, const KeyPair& key);
  Result<void> truncate(std::uint64_t length, const KeyPair& key);
  Result<void> clear(std::uint64_t start, std::uint64_t end);
  Result<void> discard(std::uint64_t start, std::uint64_t end);
  Ticket prove(const ProofRequest& request);
  Ticket apply(Proof proof);
  Ticket apply(std::vector<Proof> proofs);
  Ticket read(std::uint64_t index, std::optional<Snapshot> snapshot = {});
  Ticket seek(std::uint64_t offset, std::uint64_t padding);
  Ticket verify(std::uint64_t from);
  Ticket sync();
  Ticket check_conflict(Proof proof);

  std::optional<StoreOp> poll_store_op();
  void handle_store_done(StoreOpId id, StoreResult result);
  std::optional<FeedEvent> poll_event();

 private:
  friend class Feed;

  // What a proof turned out to be good for.
  struct Verification {
    // A node that must be read before anything can be said; all else is void then.
    std::optional<std::uint64_t> read;
    const Manifest* manifest = nullptr;  // that vouches, learnt or known
    bool learns_manifest = false;
    bool uses_upgrade = false;
    RootList roots;  // after the upgrade
  };
  struct Waiter {
    Job job;
    std::size_t nodes = 0;   // how many of the batch's nodes are its
    std::size_t blocks = 0;  // and of its blocks
  };
  struct ReadBatch {
    ReadOp op;
    std::uint64_t era = 0;  // answers of an earlier one are of no use any more
    std::vector<Waiter> waiters;
  };
  struct Flight {
    StoreOpId id = 0;
    CommitPtr op;
    std::size_t bytes = 0;
    std::optional<RootList> appended;  // roots once own appends are durable
    std::vector<Ticket> syncs;
    std::uint64_t contiguous = 0;
    std::uint64_t era = 0;
    std::optional<Truncated> cut;
  };

  template <typename E>
  void emit(E&& event) {
    events_.emplace(std::forward<E>(event));
  }
  Authority authority() const { return {key_, manifest_ ? &*manifest_ : nullptr}; }
  bool forget(std::uint64_t start, std::uint64_t& end);
  const TreeNode* find_unwritten(std::uint64_t index) const;
  void add_node(const TreeNode& node);
  bool add_block(std::uint64_t index, Bytes value);
  const Bytes* find_block(std::uint64_t index) const;
  void advance_contiguous();

  // feed_apply.cpp
  void run(ApplyJob&& job);
  Result<Verification> verify(const ApplyJob& job);
  Result<void> verify_manifest(const Proof& proof, Verification& out) const;
  Result<void> verify_upgrade(const Proof& proof, const TreeNode*& unproven, Verification& out);
  std::optional<std::uint64_t> node_to_read(const Proof& proof, const NodeSource& trusted,
                                            std::uint64_t top) const;
  void accept(ApplyJob&& job, Verification verified);

  // feed_fork.cpp
  bool may_reorganise(const Proof& proof) const;
  bool is_of_later_fork(const Proof& proof) const;
  std::error_code judge_fork(const Proof& proof);
  void reorganise(ApplyJob&& job);
  Result<RootList> verify_fork(const Proof& proof, const Manifest* manifest);
  void run(CutJob&& job);
  void replace_history(std::uint64_t common, RootList roots, std::uint64_t fork, Bytes signature);

  // feed_conflict.cpp
  void run(ConflictJob&& job);

  // feed_seek.cpp
  void run(SeekJob&& job);
  void resume_job(SeekJob&& job, const StoreResult& part);

  // feed_verify.cpp
  void run(VerifyJob&& job);
  void plan(VerifyJob& job) const;
  void read_next(VerifyJob job);
  void resume_job(VerifyJob&& job, StoreResult part);
  void conclude(VerifyJob job);
  void check_block(VerifyJob& job, std::uint64_t index) const;
  void check_node(VerifyJob& job, std::uint64_t index) const;
  void check_head(VerifyJob& job) const;

  // feed_serve.cpp
  std::optional<std::error_code> refusal(const ReadJob& job) const;
  void run(ProveJob&& job);
  void run(ReadJob&& job);
  std::optional<std::error_code> refusal(const ProofRequest& request) const;
  void fill(ProveJob&& job);
  void resume(Job&& waiting, StoreResult part);
  void resume_job(ProveJob&& job, StoreResult part);
  void resume_job(ReadJob&& job, StoreResult part);
  void resume_job(ApplyJob&& job, const StoreResult& part);
  void resume_job(ConflictJob&& job, const StoreResult& part);
  void resume_job(CutJob&& job, const StoreResult& part);

  // feed_storage.cpp
  bool is_overloaded() const { return waiting_ + behind_.size() >= kMaxWaiting; }
  void wait_for(Job&& job, std::span<const std::uint64_t> nodes,
                std::span<const std::uint64_t> blocks = {}, bool from_disk = false);
  std::optional<StoreOp> next_commit();
  std::optional<StoreOp> next_read();
  void finish_commit(const StoreResult& result);
  void fail_for_good(std::error_code reason);
  void finish_read(ReadBatch batch, StoreResult result);
  void read_apart(ReadBatch batch);

  FeedNumber number_;
  Bytes32 key_;
  std::optional<Manifest> manifest_;
  bool compat_;
  RootList roots_;
  std::uint64_t fork_ = 0;
  Bytes signature_;
  Bitfield blocks_;
  Bitfield nodes_;  // by completion position
  NodeCache cache_{blocks_, nodes_};
  std::uint64_t contiguous_ = 0;
  std::uint64_t written_contiguous_ = 0;
  bool is_frozen_ = false;
  std::optional<Equivocation> equivocation_;
  bool allows_forks_ = false;
  std::optional<std::error_code> failure_;  // of a commit: what is written later fails with it too

  PendingCommit pending_;
  bool head_changed_ = false;         // by a download, since the last commit was made up
  std::optional<RootList> tip_;       // roots with own appends that are not durable yet
  std::optional<KeyPair> sign_with_;  // set: pending_ holds own appends
  bool is_cutting_ = false;           // from truncation or reorganisation until it is durable
  std::optional<Truncated> cut_;      // what pending_ does to our history
  std::uint64_t era_ = 0;             // how many times history was replaced
  // Of the last eras: how much of what was there then is there still. Of the newest: all of it.
  std::deque<std::uint64_t> kept_{~std::uint64_t{0}};
  std::vector<Ticket> syncs_;
  bool is_unsynced_ = false;  // something is written but not known to be durable
  std::optional<Flight> flight_;

  ReadBatch gathering_;
  std::deque<ReadBatch> full_;
  std::map<StoreOpId, ReadBatch> reading_;
  std::size_t waiting_ = 0;
  std::size_t applying_ = 0;     // of these, proofs
  std::deque<ApplyJob> behind_;  // proofs that lean on what these may bring

  Fifo<FeedEvent> events_;
  std::vector<TreeNode> made_;          // nodes of the proof being verified, kept for its memory
  std::vector<std::uint64_t> missing_;  // nodes of the proof being filled, kept likewise
  StoreOpId last_op_ = 0;
  Ticket last_ticket_ = 0;
};

// The nodes that were asked for. The bitfield said that they are held, so one that is missing was
// truncated meanwhile: not_available.
Result<std::vector<TreeNode>> held_nodes(const StoreResult& part);

// Verified nodes at hand plus those that one job has read.
class WithFetched final : public NodeSource {
 public:
  WithFetched(const NodeSource& feed, const std::vector<TreeNode>& fetched)
      : feed_(feed), fetched_(fetched) {}
  const TreeNode* find(std::uint64_t index) const override;
  bool is_held(std::uint64_t index) const override { return feed_.is_held(index); }

 private:
  const NodeSource& feed_;
  const std::vector<TreeNode>& fetched_;
};

}  // namespace cip::store
