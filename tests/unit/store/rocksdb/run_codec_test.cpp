#include "store/rocksdb/run_codec.hpp"

#include <doctest/doctest.h>

#include "tests/unit/store/backend_fixture.hpp"

namespace cip::store {

using namespace cip::test;

namespace {

Bytes encode_blocks(const std::vector<StoredBlock>& blocks) {
  auto out = encode_block_run_head(blocks);
  for (const auto& block : blocks) append(out, block.value);
  return out;
}

}  // namespace

TEST_CASE("keys order runs by feed, then by last position") {
  CHECK(run_key(1, 2) == RunKey{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2});
  CHECK(run_key(1, 255) < run_key(1, 256));
  CHECK(run_key(1, ~std::uint64_t{0}) < run_key(2, 0));
  CHECK(decode_run_key(run_key(7, 1234567890123))->feed == 7);
  CHECK(decode_run_key(run_key(7, 1234567890123))->last == 1234567890123);
  CHECK_FALSE(decode_run_key(Bytes(11)).has_value());
}

TEST_CASE("a run of nodes gives every node back") {
  std::vector<TreeNode> nodes;
  for (std::uint64_t i = 0; i < 40; ++i) nodes.push_back(node_at(i));
  nodes[3].size = 0;
  nodes[7].size = std::uint64_t{1} << 53;
  std::vector<PlacedNode> placed;
  for (const auto& node : nodes) placed.push_back({placed.size(), &node});
  const auto value = encode_node_run(placed);
  const auto run = NodeRunView::open(value);
  REQUIRE(run.has_value());
  CHECK(run->count() == 40);
  for (std::size_t i = 0; i < 40; ++i) CHECK(run->at(i, i) == nodes[i]);
  const auto part = run->slice(5, 10);
  CHECK(NodeRunView::open(part)->count() == 10);
  CHECK(NodeRunView::open(part)->at(2, 7) == nodes[7]);
}

TEST_CASE("runs of nodes break at gaps and at 64 KiB") {
  const auto node = node_at(0);
  std::vector<PlacedNode> placed;
  for (std::uint64_t p = 0; p < 5000; ++p) placed.push_back({p < 3 ? p : p + 1, &node});
  CHECK(node_run_length(placed) == 3);
  const auto rest = std::span(placed).subspan(3);
  const auto n = node_run_length(rest);
  CHECK(encode_node_run(rest.first(n)).size() <= kMaxRunBytes);
  CHECK(encode_node_run(rest.first(n + 1)).size() > kMaxRunBytes);
}

TEST_CASE("a run of blocks gives every block back") {
  std::vector<StoredBlock> blocks;
  for (std::uint64_t i = 0; i < 30; ++i) blocks.push_back({i, block_at(i, i % 7 * 50)});
  const auto value = encode_blocks(blocks);
  const auto run = BlockRunView::open(value);
  REQUIRE(run.has_value());
  CHECK(run->count() == 30);
  for (std::size_t i = 0; i < 30; ++i) CHECK(equal(run->at(i), blocks[i].value));
  const auto part = run->slice(28, 2);
  CHECK(equal(BlockRunView::open(part)->at(1), blocks[29].value));
}

TEST_CASE("runs of blocks break at gaps, at large blocks, at 64 KiB and at their count") {
  CHECK(block_run_length(std::vector<StoredBlock>{{1, Bytes(9)}, {2, Bytes(9)}, {4, {}}}) == 2);
  CHECK(block_run_length(std::vector<StoredBlock>{{1, Bytes(9)}, {2, Bytes(4096)}}) == 1);
  CHECK(block_run_length(std::vector<StoredBlock>{{1, Bytes(4096)}, {2, Bytes(9)}}) == 1);
  std::vector<StoredBlock> many;
  for (std::uint64_t i = 0; i < 9000; ++i) many.push_back({i, {}});
  CHECK(block_run_length(many) == kMaxRunBlocks);
  for (auto& block : many) block.value.resize(100);
  const auto n = block_run_length(many);
  many.resize(n);
  CHECK(encode_blocks(many).size() <= kMaxRunBytes);
  CHECK(encode_blocks(many).size() + 102 > kMaxRunBytes);
}

TEST_CASE("the bytes of runs are frozen") {
  CHECK(encode_blocks({{5, {0xaa}}, {6, {}}, {7, {0xbb, 0xcc}}}) ==
        Bytes{1, 3, 0, 1, 0, 1, 0, 3, 0, 0xaa, 0xbb, 0xcc});
  const Bytes large(4096, 7);
  auto alone = encode_blocks({{5, large}});
  CHECK(alone.size() == 4097);
  CHECK(alone[0] == kOneBlock);
  TreeNode node;
  node.size = 0x1234;
  node.hash.fill(9);
  const PlacedNode placed{0, &node};
  auto expected = Bytes{2, 0x34, 0x12};
  append(expected, node.hash);
  CHECK(encode_node_run({&placed, 1}) == expected);
}

TEST_CASE("bytes that are no run are refused") {
  CHECK_FALSE(NodeRunView::open({}).has_value());
  CHECK_FALSE(NodeRunView::open(Bytes{1}).has_value());
  CHECK_FALSE(NodeRunView::open(Bytes(35, 1)).has_value());
  CHECK_FALSE(NodeRunView::open(Bytes(42, 9)).has_value());
  CHECK(NodeRunView::open(Bytes(34, 1)).has_value());
  CHECK_FALSE(BlockRunView::open({}).has_value());
  CHECK_FALSE(BlockRunView::open(Bytes{1, 0, 0}).has_value());
  CHECK_FALSE(BlockRunView::open(Bytes{1, 2, 0, 1, 0}).has_value());
  CHECK_FALSE(BlockRunView::open(Bytes{1, 1, 0, 2, 0, 7}).has_value());
  CHECK_FALSE(BlockRunView::open(Bytes{1, 2, 0, 2, 0, 1, 0, 7}).has_value());
  CHECK_FALSE(BlockRunView::open(Bytes{3, 7}).has_value());
}

}  // namespace cip::store
