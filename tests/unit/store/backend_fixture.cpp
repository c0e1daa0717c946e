#include "tests/unit/store/backend_fixture.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "store/flat_tree.hpp"

namespace cip::test {

store::TreeNode node_at(std::uint64_t tree_index) {
  SeededRandom random(tree_index);
  return {tree_index, store::flat::leaf_count(tree_index) * 100, random.bytes<32>()};
}

Bytes block_at(std::uint64_t index, std::size_t size) {
  SeededRandom random(index + 1);
  Bytes block(size);
  random.fill(block);
  return block;
}

store::CommitOp append_op(store::FeedNumber feed, std::uint64_t start, std::uint64_t end,
                          std::size_t size) {
  store::CommitOp op;
  op.feed = feed;
  op.head = head_of(end);
  for (auto i = start; i < end; ++i) op.blocks.push_back({i, block_at(i, size)});
  const auto positions = store::flat::node_count(end);
  for (auto p = store::flat::node_count(start); p < positions; ++p) {
    op.nodes.push_back(node_at(store::flat::index_at(p)));
  }
  return op;
}

store::FeedHead head_of(std::uint64_t length) {
  store::FeedHead head;
  head.length = length;
  for (const auto index : store::flat::Roots(length)) {
    head.roots.push_back(node_at(index));
    head.byte_length += head.roots.back().size;
  }
  head.signature = Bytes(68, 7);
  return head;
}

store::BitfieldPage page_of(std::uint64_t number, std::initializer_list<std::uint64_t> bits) {
  store::BitfieldPage page;
  page.number = number;
  for (const auto bit : bits) {
    page.bits[bit / 8] = static_cast<std::uint8_t>(page.bits[bit / 8] | 1U << (bit % 8));
  }
  return page;
}

Bytes32 key_of(std::uint8_t byte) {
  Bytes32 key;
  key.fill(byte);
  return key;
}

store::FeedRecord new_feed(store::Backend& backend, std::uint8_t byte) {
  store::FeedRecord record;
  record.key = key_of(byte);
  const auto made = backend.create_feed(record);
  REQUIRE(made.has_value());
  return *made;
}

}  // namespace cip::test
