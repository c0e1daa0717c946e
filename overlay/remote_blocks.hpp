#pragma once

// Which blocks of a feed a peer says it holds (feeds.md 10.1): a length without gaps, a bitfield
// beyond it, and what it refused to give although it said so.
//
// All of it is the peer's word. What it can make us keep is bounded: at most kMaxRemotePages pages
// of 4,096 blocks; ranges beyond that are forgotten, which only means that blocks in them are not
// asked of this peer until it announces them again.

#include <cstdint>

#include "store/bitfield.hpp"

namespace cip::overlay {

// 4 MiB of bits: 33 million blocks that do not belong to the gap-free part.
inline constexpr std::uint64_t kMaxRemotePages = 8192;

class RemoteBlocks {
 public:
  bool has(std::uint64_t index) const {
    return (index < contiguous_ || bits_.get(index)) && !refused_.get(index);
  }
  // Blocks from 0 on without a gap, as announced.
  std::uint64_t contiguous() const { return contiguous_; }
  // The first block in [from, end) that the peer has; `end` when there is none.
  std::uint64_t first(std::uint64_t from, std::uint64_t end) const;
  // The first block in [from, end) that it has not said to have; `end` when there is none.
  std::uint64_t first_missing(std::uint64_t from, std::uint64_t end) const;

  void add(std::uint64_t start, std::uint64_t length);
  void drop(std::uint64_t start, std::uint64_t length);
  // Authoritative for its range, zeros included.
  void set_words(const store::BitfieldWords& message);
  // It did not give this block: it counts as missing until it is announced again.
  void refuse(std::uint64_t index) { refused_.set(index); }
  // What it refused it may have meant for another time.
  void forget_refusals() { refused_ = {}; }
  // Everything from `length` on is no more.
  void truncate(std::uint64_t length);

 private:
  void set_bits(std::uint64_t start, std::uint64_t end);
  bool may_set(std::uint64_t index);
  void cut_contiguous(std::uint64_t start);

  std::uint64_t contiguous_ = 0;
  store::Bitfield bits_;
  store::Bitfield refused_;
  std::uint64_t pages_ = 0;
};

}  // namespace cip::overlay
