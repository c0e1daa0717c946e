#pragma once

// Arithmetic of the in-order numbering of Merkle trees (feeds.md 6; RFC 7574 section 5.3; peer
// implementation: npm flat-tree). Block i is leaf 2i, parents stand between their children:
//
//        3
//    1       5
//  0   2   4   6      8        a feed of length 5: roots 3 and 8
//
// A node of depth d and offset o has index (2o + 1) * 2^d - 1. Indexes stay below 2^54, as lengths
// stay below 2^52 (kMaxLength), so nothing here overflows for d <= 53.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace cip::store {

// Longest feed: the index of every node of its tree is a number that all peers can represent.
inline constexpr std::uint64_t kMaxLength = (std::uint64_t{1} << 52) - 1;

namespace flat {

constexpr unsigned depth(std::uint64_t index) {
  return static_cast<unsigned>(std::countr_one(index));
}
constexpr std::uint64_t offset(std::uint64_t index) { return index >> (depth(index) + 1); }
constexpr std::uint64_t index(unsigned depth, std::uint64_t offset) {
  return ((2 * offset + 1) << depth) - 1;
}
constexpr std::uint64_t parent(std::uint64_t index) {
  const auto bit = std::uint64_t{1} << depth(index);
  return (index | bit) & ~(bit << 1);
}
constexpr std::uint64_t sibling(std::uint64_t index) {
  return index ^ (std::uint64_t{2} << depth(index));
}
// Children of a node that is no leaf.
constexpr std::uint64_t left_child(std::uint64_t index) {
  return index - (std::uint64_t{1} << (depth(index) - 1));
}
constexpr std::uint64_t right_child(std::uint64_t index) {
  return index + (std::uint64_t{1} << (depth(index) - 1));
}
// First and last leaf below a node, as tree indexes.
constexpr std::uint64_t left_span(std::uint64_t index) {
  return index + 1 - (std::uint64_t{1} << depth(index));
}
constexpr std::uint64_t right_span(std::uint64_t index) {
  return index - 1 + (std::uint64_t{1} << depth(index));
}
constexpr std::uint64_t leaf_count(std::uint64_t index) { return std::uint64_t{1} << depth(index); }
constexpr bool contains(std::uint64_t index, std::uint64_t other) {
  return left_span(index) <= other && other <= right_span(index);
}
constexpr bool is_left(std::uint64_t index) { return (offset(index) & 1) == 0; }

// The roots of a tree of `length` leaves, left to right, without a heap allocation.
class Roots {
 public:
  constexpr explicit Roots(std::uint64_t length) {
    std::uint64_t first = 0;
    for (auto rest = length; rest != 0;) {
      const auto leaves = std::bit_floor(rest);
      indexes_[size_++] = 2 * first + leaves - 1;
      first += leaves;
      rest -= leaves;
    }
  }
  constexpr const std::uint64_t* begin() const { return indexes_.data(); }
  constexpr const std::uint64_t* end() const { return indexes_.data() + size_; }
  constexpr std::size_t size() const { return size_; }

 private:
  std::array<std::uint64_t, 64> indexes_{};
  std::size_t size_ = 0;
};

// Completion order: the order in which appends complete nodes, leaf i first, then the parents that
// it completes. It is dense, so that an append adds one gap-free stretch of positions, and a tree
// of length n is exactly the positions below node_count(n). Storage keys nodes by it.
//
//   index     0 2 1 4 6 5 3 8 ...
//   position  0 1 2 3 4 5 6 7 ...

// std::popcount() is a call where not every processor has an instruction for it, as on amd64.
constexpr std::uint64_t ones(std::uint64_t bits) {
  bits -= bits >> 1 & 0x5555555555555555;
  bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
  return ((bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56;
}

// How many nodes a tree of `length` leaves has.
constexpr std::uint64_t node_count(std::uint64_t length) { return 2 * length - ones(length); }
// The block whose append completes a node: the last one below it.
constexpr std::uint64_t completed_by(std::uint64_t index) { return right_span(index) / 2; }
constexpr std::uint64_t position_of(std::uint64_t index) {
  return node_count(completed_by(index)) + depth(index);
}
constexpr std::uint64_t index_at(std::uint64_t position) {
  // node_count(i) <= position < node_count(i + 1) has one solution; it lies at most 32 above half.
  auto block = position / 2;
  while (node_count(block + 1) <= position) ++block;
  const auto level = static_cast<unsigned>(position - node_count(block));
  return index(level, block >> level);
}

}  // namespace flat
}  // namespace cip::store
