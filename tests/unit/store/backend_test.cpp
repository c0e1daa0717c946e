#include "store/backend.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "store/flat_tree.hpp"
#include "tests/unit/store/backend_fixture.hpp"

namespace cip::store {

using namespace cip::test;

namespace {

// Blocks start..end-1, in order.
store::ReadOp read_blocks(store::FeedNumber feed, std::uint64_t start, std::uint64_t end) {
  store::ReadOp op;
  op.feed = feed;
  for (auto i = start; i < end; ++i) op.blocks.push_back(i);
  return op;
}

// How many of the blocks, and how many of the nodes, are there.
std::pair<std::size_t, std::size_t> count_found(const store::ReadResult& result) {
  std::size_t blocks = 0;
  std::size_t nodes = 0;
  for (const auto& block : result.blocks) blocks += block.has_value() ? 1 : 0;
  for (const auto& node : result.nodes) nodes += node.has_value() ? 1 : 0;
  return {blocks, nodes};
}

}  // namespace

TEST_CASE("what one commit stored is read back in the order asked for") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto feed = new_feed(backend, 1).number;
  REQUIRE(backend.commit(append_op(feed, 0, 100, 50)).has_value());

  const auto result = backend.read({feed, {63, 0, 198, 63, 7}, {99, 0, 50, 0}});
  REQUIRE(result.has_value());
  CHECK(result->nodes[0] == node_at(63));
  CHECK(result->nodes[1] == node_at(0));
  CHECK(result->nodes[2] == node_at(198));
  CHECK(result->nodes[3] == node_at(63));
  CHECK(result->nodes[4] == node_at(7));
  CHECK(result->blocks[0] == block_at(99, 50));
  CHECK(result->blocks[1] == block_at(0, 50));
  CHECK(result->blocks[2] == block_at(50, 50));
  CHECK(result->blocks[3] == block_at(0, 50));
}

TEST_CASE("what is not stored reads as nothing") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto feed = new_feed(backend, 1).number;
  const auto other = new_feed(backend, 2).number;
  REQUIRE(backend.commit(append_op(other, 0, 10, 50)).has_value());
  CHECK(count_found(backend.read({feed, {0, 1, 3}, {0, 1}}).value()) == std::pair{0UL, 0UL});

  auto sparse = append_op(feed, 8, 10, 50);
  sparse.nodes.pop_back();
  REQUIRE(backend.commit(sparse).has_value());
  const auto result = backend.read({feed, {0, 14, 16, 18, 17}, {7, 8, 9, 10}});
  CHECK(count_found(*result) == std::pair{2UL, 2UL});
  CHECK(result->nodes[2] == node_at(16));
  CHECK(result->blocks[1] == block_at(8, 50));
  CHECK(backend.read({99, {}, {}}).error() == Errc::not_found);
}

TEST_CASE("empty, small, large and very large blocks are kept byte for byte") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto feed = new_feed(backend, 1).number;
  const std::vector<std::size_t> sizes = {0,    0,       1,     4095, 4096, 0,    4097,
                                          4000, 3000000, 65536, 10,   4095, 4095, 0};
  store::CommitOp op;
  op.feed = feed;
  for (std::size_t i = 0; i < sizes.size(); ++i) op.blocks.push_back({i, block_at(i, sizes[i])});
  REQUIRE(backend.commit(op).has_value());
  fixture->reopen();
  const auto result = fixture->backend().read(read_blocks(feed, 0, sizes.size()));
  REQUIRE(result.has_value());
  for (std::size_t i = 0; i < sizes.size(); ++i) CHECK(result->blocks[i] == block_at(i, sizes[i]));
}

TEST_CASE("one commit may hold more than fits one run") {
  const auto fixture = make_backend_fixture();
  const auto feed = new_feed(fixture->backend(), 1).number;
  REQUIRE(fixture->backend().commit(append_op(feed, 0, 10000, 100)).has_value());
  fixture->reopen();
  auto op = read_blocks(feed, 0, 10000);
  for (std::uint64_t p = 0; p < store::flat::node_count(10000); ++p) {
    op.nodes.push_back(store::flat::index_at(p));
  }
  const auto result = fixture->backend().read(op);
  CHECK(count_found(result.value()) == std::pair{10000UL, op.nodes.size()});
  CHECK(result->nodes.back() == node_at(op.nodes.back()));
  CHECK(result->blocks[4711] == block_at(4711, 100));
}

TEST_CASE("truncation leaves the tree of the shorter length and nothing else") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto feed = new_feed(backend, 1).number;
  REQUIRE(backend.commit(append_op(feed, 0, 1000, 100)).has_value());
  REQUIRE(backend.read({feed, {1998, 511}, {600, 999}}).has_value());  // warms caches

  store::CommitOp cut;
  cut.feed = feed;
  cut.truncate_to = 600;
  cut.head = head_of(600);
  REQUIRE(backend.commit(cut).has_value());

  const auto result = backend.read({feed, {1198, 1200, 511, 1023}, {599, 600, 0, 999}});
  CHECK(result->nodes[0] == node_at(1198));
  CHECK_FALSE(result->nodes[1].has_value());
  CHECK(result->nodes[2] == node_at(511));
  CHECK_FALSE(result->nodes[3].has_value());
  CHECK(result->blocks[0] == block_at(599, 100));
  CHECK_FALSE(result->blocks[1].has_value());
  CHECK(result->blocks[2] == block_at(0, 100));
  CHECK_FALSE(result->blocks[3].has_value());
}

TEST_CASE("a commit may truncate and write the same positions anew") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto feed = new_feed(backend, 1).number;
  REQUIRE(backend.commit(append_op(feed, 0, 50, 100)).has_value());
  auto op = append_op(feed, 20, 60, 5000);
  op.truncate_to = 20;
  REQUIRE(backend.commit(op).has_value());
  fixture->reopen();
  const auto result = fixture->backend().read(read_blocks(feed, 0, 61));
  CHECK(count_found(*result).first == 60);
  CHECK(result->blocks[19] == block_at(19, 100));
  CHECK(result->blocks[20] == block_at(20, 5000));
}

TEST_CASE("clearing removes exactly the blocks named and keeps all nodes") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto feed = new_feed(backend, 1).number;
  REQUIRE(backend.commit(append_op(feed, 0, 2000, 100)).has_value());
  store::CommitOp clear;
  clear.feed = feed;
  clear.cleared = {{5, 6}, {10, 20}, {15, 30}, {400, 1500}, {1999, 5000}, {7, 7}};
  REQUIRE(backend.commit(clear).has_value());
  fixture->reopen();
  const auto result = fixture->backend().read(read_blocks(feed, 0, 2000));
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const bool gone = i == 5 || (i >= 10 && i < 30) || (i >= 400 && i < 1500) || i == 1999;
    CHECK(result->blocks[i].has_value() == !gone);
    if (!gone) CHECK(result->blocks[i] == block_at(i, 100));
  }
  CHECK(fixture->backend().read({feed, {1023, 10, 3998}, {}})->nodes[1] == node_at(10));
}

TEST_CASE("head, manifest and pages of a feed are loaded as they were committed") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto feed = new_feed(backend, 1).number;
  CHECK_FALSE(backend.load_feed(feed)->head.has_value());
  CHECK(backend.load_feed(feed)->key == key_of(1));

  auto op = append_op(feed, 0, 21, 10);
  op.manifest = store::single_signer_manifest(key_of(9));
  op.block_pages = {page_of(0, {0, 1, 2}), page_of(300, {4095}), page_of(7, {})};
  op.node_pages = {page_of(1, {5, 7, 9, 11})};
  REQUIRE(backend.commit(op).has_value());
  fixture->reopen();
  const auto state = fixture->backend().load_feed(feed);
  CHECK(state->head == op.head);
  CHECK(state->manifest == op.manifest);
  CHECK(state->block_pages == std::vector{op.block_pages[0], op.block_pages[1]});
  CHECK(state->node_pages == op.node_pages);
}

TEST_CASE("lost blocks are gone and can be stored again, the others stay") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto feed = new_feed(backend, 1).number;
  REQUIRE(backend.commit(append_op(feed, 0, 50, 100)).has_value());
  store::CommitOp op;
  op.feed = feed;
  op.lost = {{10, 12}, {49, 50}};
  REQUIRE(backend.commit(op).has_value());
  auto result = backend.read(read_blocks(feed, 0, 50)).value();
  for (std::uint64_t i = 0; i < 50; ++i) {
    CHECK(result.blocks[i].has_value() == (i != 10 && i != 11 && i != 49));
  }
  op.lost.clear();
  op.blocks = {{10, block_at(10, 100)}, {11, block_at(11, 100)}};
  REQUIRE(backend.commit(op).has_value());
  auto fresh = read_blocks(feed, 10, 13);
  fresh.from_disk = true;
  result = backend.read(fresh).value();
  for (std::uint64_t i = 0; i < 3; ++i) CHECK(result.blocks[i] == block_at(10 + i, 100));
}

TEST_CASE("the evidence of two histories is kept with the feed") {
  const auto fixture = make_backend_fixture();
  const auto feed = new_feed(fixture->backend(), 1).number;
  store::CommitOp op;
  op.feed = feed;
  op.equivocation = store::Equivocation{5,
                                        key_of(3),
                                        key_of(4),
                                        {6, 1, head_of(6).roots, Bytes(68, 7)},
                                        {9, 1, head_of(9).roots, {}}};
  REQUIRE(fixture->backend().commit(op).has_value());
  fixture->reopen();
  CHECK(fixture->backend().load_feed(feed)->equivocation == op.equivocation);
}

TEST_CASE("a page that lost its last bit is forgotten") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto feed = new_feed(backend, 1).number;
  store::CommitOp op;
  op.feed = feed;
  op.block_pages = {page_of(2, {1})};
  REQUIRE(backend.commit(op).has_value());
  op.block_pages = {page_of(2, {})};
  REQUIRE(backend.commit(op).has_value());
  CHECK(backend.load_feed(feed)->block_pages.empty());
}

TEST_CASE("a feed created as compat is loaded as such before anything is in it") {
  const auto fixture = make_backend_fixture();
  store::FeedRecord record;
  record.key = key_of(1);
  record.compat = true;
  const auto made = fixture->backend().create_feed(record);
  CHECK(fixture->backend().load_feed(made->number)->compat);
  CHECK_FALSE(fixture->backend().load_feed(made->number)->head.has_value());
}

}  // namespace cip::store
