#include "store/flat_tree.hpp"

#include <doctest/doctest.h>

#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::store;

TEST_CASE("relations of tree indexes are those of the peers") {
  for (const auto& item : test::load_vectors("feeds/flat-tree.json", "nodes")) {
    const auto index = item["index"].get<std::uint64_t>();
    CHECK(flat::depth(index) == item["depth"]);
    CHECK(flat::offset(index) == item["offset"]);
    CHECK(flat::parent(index) == item["parent"]);
    CHECK(flat::sibling(index) == item["sibling"]);
    CHECK(flat::left_span(index) == item["leftSpan"]);
    CHECK(flat::right_span(index) == item["rightSpan"]);
    if (item["leftChild"] != -1) {
      CHECK(flat::left_child(index) == item["leftChild"]);
      CHECK(flat::right_child(index) == item["rightChild"]);
    }
    CHECK(flat::index(flat::depth(index), flat::offset(index)) == index);
  }
}

TEST_CASE("roots of a length are those of the peers") {
  for (const auto& item : test::load_vectors("feeds/flat-tree.json", "roots")) {
    const flat::Roots roots(item["length"].get<std::uint64_t>());
    CHECK(std::vector<std::uint64_t>(roots.begin(), roots.end()) ==
          item["roots"].get<std::vector<std::uint64_t>>());
  }
}

TEST_CASE("completion positions are dense and follow the order of appends") {
  std::uint64_t next = 0;
  for (std::uint64_t block = 0; block < 1000; ++block) {
    CHECK(flat::node_count(block) == next);
    for (auto at = 2 * block;; at = flat::parent(at)) {
      CHECK(flat::position_of(at) == next);
      CHECK(flat::index_at(next) == at);
      ++next;
      if (flat::is_left(at)) break;  // its parent waits for a later block
    }
  }
}

TEST_CASE("positions and indexes of the longest feed do not overflow") {
  const auto last_leaf = 2 * (kMaxLength - 1);
  CHECK(flat::index_at(flat::position_of(last_leaf)) == last_leaf);
  const auto top = flat::index(51, 0);
  CHECK(flat::index_at(flat::position_of(top)) == top);
  CHECK(flat::contains(flat::parent(top), last_leaf));
}
