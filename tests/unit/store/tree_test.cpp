#include "store/tree.hpp"

#include <doctest/doctest.h>

#include "tests/support/vectors.hpp"
#include "tests/unit/store/feed_fixture.hpp"

using namespace cip;
using namespace cip::store;

TEST_CASE("leaf and parent hashes are those of the peers") {
  const auto vectors = test::load_vectors("feeds/merkle.json");
  for (const auto& item : vectors["leaves"]) {
    const auto node = leaf_node(
        0, item["data"].is_null()
               ? test::content(item["contentIndex"], item["byteLength"].get<std::size_t>())
               : test::hex(item["data"]));
    CHECK(node.hash == test::hex32(item["hash"]));
    CHECK(node.size == item["byteLength"]);
  }
  for (const auto& item : vectors["parents"]) {
    const auto left = test::node_from(item["left"]);
    const auto right = test::node_from(item["right"]);
    CHECK(parent_node(left, right).hash == test::hex32(item["hash"]));
    CHECK(parent_node(right, left) == parent_node(left, right));
  }
}

TEST_CASE("appended blocks give the roots and tree hashes of the peers") {
  for (const auto& item : test::load_vectors("feeds/merkle.json", "trees")) {
    RootList roots;
    std::vector<TreeNode> made;
    const auto length = item["length"].get<std::uint64_t>();
    for (std::uint64_t i = 0; i < length; ++i)
      roots.append(leaf_node(i, test::vector_block(i)), made);
    CHECK(roots.length() == length);
    CHECK(roots.byte_length() == item["byteLength"]);
    CHECK(roots.hash() == test::hex32(item["treeHash"]));
    CHECK(roots.nodes().size() == item["roots"].size());
    for (std::size_t i = 0; i < roots.nodes().size(); ++i)
      CHECK(roots.nodes()[i] == test::node_from(item["roots"][i]));
    CHECK(made.size() == flat::node_count(length));
    if (!item.contains("nodes")) continue;
    for (const auto& node : item["nodes"])
      CHECK(std::count(made.begin(), made.end(), test::node_from(node)) == 1);
  }
}

TEST_CASE("nodes that are not the roots of one tree are refused") {
  const auto node = [](std::uint64_t index) { return TreeNode{index, 1, {}}; };
  CHECK(RootList::from_nodes({})->length() == 0);
  CHECK(RootList::from_nodes({node(3), node(8)})->length() == 5);
  CHECK_FALSE(RootList::from_nodes({node(2)}));            // does not start at 0
  CHECK_FALSE(RootList::from_nodes({node(3), node(12)}));  // a gap
  CHECK_FALSE(RootList::from_nodes({node(1), node(5)}));   // would have been folded
  CHECK_FALSE(RootList::from_nodes({node(0), node(2)}));
  CHECK_FALSE(RootList::from_nodes({node(3), node(8), node(10)}));
}
