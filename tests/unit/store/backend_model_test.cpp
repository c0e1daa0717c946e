// Random operations on a backend against the simplest thing that could be right.

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "base/random.hpp"
#include "store/flat_tree.hpp"
#include "tests/unit/store/backend_fixture.hpp"

namespace cip::store {

using namespace cip::test;

namespace {

constexpr std::uint64_t kLength = 3000;

// One feed as two maps, with the operations that a Feed asks for.
class Model {
 public:
  Model(store::FeedNumber feed, std::uint64_t seed) : feed_(feed), random_(seed) {}

  // A stretch of blocks with their nodes, as far as they are not stored.
  store::CommitOp fill() {
    const auto start = random_.below(kLength);
    const auto end = std::min(kLength, start + 1 + random_.below(200));
    const auto sparse = random_.below(3) == 0;
    store::CommitOp op;
    op.feed = feed_;
    for (auto i = start; i < end; ++i) {
      if (blocks_.contains(i) || (sparse && random_.below(2) == 0)) continue;
      op.blocks.push_back({i, block_at(random_.next_u64(), random_size())});
      blocks_[i] = op.blocks.back().value;
    }
    const auto last = store::flat::node_count(end);
    for (auto p = store::flat::node_count(start); p < last; ++p) {
      if (nodes_.contains(p) || (sparse && random_.below(2) == 0)) continue;
      op.nodes.push_back(node_at(store::flat::index_at(p)));
      nodes_.insert(p);
    }
    return op;
  }

  store::CommitOp clear() {
    store::CommitOp op;
    op.feed = feed_;
    for (auto n = 1 + random_.below(4); n > 0; --n) {
      const auto start = random_.below(kLength);
      const auto end = start + random_.below(random_.below(2) == 0 ? 10 : 400);
      op.cleared.push_back({start, end});
      erase_blocks(start, end);
    }
    return op;
  }

  store::CommitOp truncate() {
    store::CommitOp op;
    op.feed = feed_;
    op.truncate_to = kLength / 2 + random_.below(kLength / 2);
    erase_blocks(*op.truncate_to, kLength);
    nodes_.erase(nodes_.lower_bound(store::flat::node_count(*op.truncate_to)), nodes_.end());
    return op;
  }

  void check_some(store::Backend& backend) {
    store::ReadOp op;
    op.feed = feed_;
    for (int i = 0; i < 50; ++i) {
      op.blocks.push_back(random_.below(kLength + 10));
      op.nodes.push_back(random_.below(2 * kLength));
    }
    check(backend, op);
  }
  void check_all(store::Backend& backend) {
    store::ReadOp op;
    op.feed = feed_;
    for (std::uint64_t i = 0; i < kLength; ++i) {
      op.blocks.push_back(i);
      op.nodes.push_back(store::flat::index_at(i));
      op.nodes.push_back(store::flat::index_at(i + kLength));
    }
    check(backend, op);
  }

 private:
  std::size_t random_size() {
    switch (random_.below(4)) {
      case 0:
        return 0;
      case 1:
        return 4090 + random_.below(12);
      default:
        return random_.below(300);
    }
  }
  void erase_blocks(std::uint64_t start, std::uint64_t end) {
    blocks_.erase(blocks_.lower_bound(start), blocks_.lower_bound(std::max(start, end)));
  }
  void check(store::Backend& backend, const store::ReadOp& op) {
    const auto result = backend.read(op);
    REQUIRE(result.has_value());
    for (std::size_t i = 0; i < op.blocks.size(); ++i) {
      const auto known = blocks_.find(op.blocks[i]);
      REQUIRE(result->blocks[i].has_value() == (known != blocks_.end()));
      if (known != blocks_.end()) REQUIRE(*result->blocks[i] == known->second);
    }
    for (std::size_t i = 0; i < op.nodes.size(); ++i) {
      const auto known = nodes_.contains(store::flat::position_of(op.nodes[i]));
      REQUIRE(result->nodes[i].has_value() == known);
      if (known) REQUIRE(*result->nodes[i] == node_at(op.nodes[i]));
    }
  }

  store::FeedNumber feed_;
  SeededRandom random_;
  std::map<std::uint64_t, Bytes> blocks_;
  std::set<std::uint64_t> nodes_;  // positions
};

}  // namespace

TEST_CASE("random writes, clears, truncations and reopenings read back as a plain map does") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    const auto fixture = make_backend_fixture();
    std::vector<Model> feeds;
    for (std::uint8_t i = 0; i < 3; ++i) {
      feeds.emplace_back(new_feed(fixture->backend(), static_cast<std::uint8_t>(i + 1)).number,
                         seed * 10 + i);
    }
    SeededRandom random(seed);
    for (int step = 0; step < 120; ++step) {
      auto& feed = feeds[random.below(feeds.size())];
      const auto dice = random.below(20);
      const auto op = dice < 14 ? feed.fill() : dice < 18 ? feed.clear() : feed.truncate();
      REQUIRE(fixture->backend().commit(op).has_value());
      feed.check_some(fixture->backend());
      if (random.below(40) == 0) fixture->reopen();
    }
    for (auto& feed : feeds) feed.check_all(fixture->backend());
    fixture->reopen();
    for (auto& feed : feeds) feed.check_all(fixture->backend());
  }
}

}  // namespace cip::store
