#pragma once

// Feeds for tests: blocks and keys of the golden vectors, and a feed with a small store beside it
// that checks what every commit promises.

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "store/feed.hpp"
#include "tests/support/vectors.hpp"

namespace cip::test {

// Equal values, or the same error.
template <typename T>
bool same(const Result<T>& a, const Result<T>& b) {
  return a && b ? *a == *b : !a && !b && a.error() == b.error();
}

// The bytes that the vectors call content.
Bytes content(std::uint64_t index, std::size_t size);
// Block i of the feeds of the vectors: (i * 7919) mod 41 bytes.
Bytes vector_block(std::uint64_t index);
std::vector<Bytes> vector_blocks(std::uint64_t start, std::uint64_t end);
// The seed of 32 equal bytes.
Seed seed_of(std::uint8_t byte);
store::TreeNode node_from(const Json& json);
// Reads the payload of a data message.
store::Proof proof_from(const Json& data);

// What one feed has on disk.
class TestStore {
 public:
  store::StoreResult run(const store::StoreOp& op);
  // What a backend would load; number, key and compat are the caller's.
  store::FeedState load() const;

  // What is there, for tests that damage it.
  Bytes& block(std::uint64_t index) { return blocks_.at(index); }
  store::TreeNode& node(std::uint64_t index) { return nodes_.at(store::flat::position_of(index)); }
  void lose_block(std::uint64_t index) { blocks_.erase(index); }
  // A read that asks for one of these fails as a whole.
  std::set<std::uint64_t> unreadable_blocks;
  std::set<std::uint64_t> unreadable_nodes;

  std::size_t commits = 0;
  std::size_t syncs = 0;
  std::size_t reads = 0;
  std::size_t nodes_read = 0;

 private:
  store::StoreResult read(const store::ReadOp& op);
  void commit(const store::CommitOp& op);

  std::map<std::uint64_t, store::TreeNode> nodes_;  // by completion position
  std::map<std::uint64_t, Bytes> blocks_;
  std::map<std::uint64_t, store::BitfieldPage> block_pages_;
  std::map<std::uint64_t, store::BitfieldPage> node_pages_;
  std::optional<store::Manifest> manifest_;
  std::optional<store::FeedHead> head_;
  std::optional<store::Equivocation> equivocation_;
};

// A feed that runs its storage operations at once, or, while `is_holding`, when told to.
class FeedRig {
 public:
  explicit FeedRig(store::FeedState state);
  // A feed of the vectors' first key, manifest version 1, that holds nothing.
  static FeedRig writer();
  // The same feed as someone sees it who knows its key alone.
  static FeedRig reader() { return reader_of(writer().feed.key()); }
  static FeedRig reader_of(const Bytes32& key);

  // Runs operations and collects events until nothing happens any more.
  void drain();
  // Takes operations over without running them.
  void collect();
  // Runs the oldest operation that is held.
  void run_one();
  // The feed as it would be after a restart.
  FeedRig reopened() const;

  std::uint64_t append(std::vector<Bytes> blocks);
  std::error_code apply(store::Proof proof);  // empty: applied
  Result<store::Proof> prove(const store::ProofRequest& request);
  Result<Bytes> read(std::uint64_t index);
  // The last event of a kind since the last call; fails the test when there is none.
  template <typename E>
  E expect() {
    for (auto at = events.rbegin(); at != events.rend(); ++at) {
      if (!std::holds_alternative<E>(*at)) continue;
      E found = std::get<E>(*at);
      events.clear();
      return found;
    }
    throw std::runtime_error("an event that was expected did not come");
  }

  store::FeedNumber number;
  store::Feed feed;
  TestStore store;
  KeyPair key;
  std::vector<store::FeedEvent> events;
  bool is_holding = false;
  std::deque<store::StoreOp> held;
};

// The request that an honest reader makes for a block, or, with `upgrade`, for a longer tree.
store::ProofRequest block_request(const store::Feed& reader, std::uint64_t index);
store::ProofRequest upgrade_request(const store::Feed& reader, std::uint64_t length);

}  // namespace cip::test
