#pragma once

// A sparse set of numbers as bits: which blocks, or which tree nodes (by completion position), a
// store holds. Pages of 4,096 bits exist only where a bit was ever set; a page is also the unit in
// which the set goes to disk, so that one append rewrites 512 bytes and not the whole set.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace cip::store {

inline constexpr std::uint64_t kBitsPerPage = 4096;
inline constexpr std::size_t kPageBytes = kBitsPerPage / 8;

// One page as stored: bit j of byte k is number * 4096 + 8k + j (frozen format).
struct BitfieldPage {
  std::uint64_t number = 0;
  FixedBytes<kPageBytes> bits{};
  bool operator==(const BitfieldPage&) const = default;
};

// What a bitfield message carries: bit j of word k describes start + 32k + j.
struct BitfieldWords {
  std::uint64_t start = 0;  // multiple of 32
  std::vector<std::uint32_t> words;
};

class Bitfield {
 public:
  Bitfield() = default;
  // From stored pages in any order.
  explicit Bitfield(const std::vector<BitfieldPage>& pages);

  bool get(std::uint64_t index) const {
    const auto* found = find(index / kBitsPerPage);
    return found != nullptr && (found->words[word_of(index)] >> (index % 64) & 1) != 0;
  }
  // Returns whether the bit changed.
  bool set(std::uint64_t index);
  void set_range(std::uint64_t start, std::uint64_t end);
  void clear_range(std::uint64_t start, std::uint64_t end);

  // The first number at or after `from` that is in the set, below `end`; `end` when there is none.
  std::uint64_t first_set(std::uint64_t from, std::uint64_t end) const;
  // The same for the first number that is not in the set.
  std::uint64_t first_unset(std::uint64_t from, std::uint64_t end) const;
  // How many numbers are set.
  std::uint64_t count() const { return count_; }
  std::uint64_t count(std::uint64_t start, std::uint64_t end) const;

  // The words that cover [start, end), rounded outwards to 32 bits, for a bitfield message. Bits at
  // or after `length` are 0. nullopt when nothing in [start, end) is set.
  std::optional<BitfieldWords> words(std::uint64_t start, std::uint64_t end,
                                     std::uint64_t length) const;

  // Copies of the pages that changed since the last call, in order.
  std::vector<BitfieldPage> take_changed_pages();
  bool has_changed_pages() const { return !changed_.empty(); }

 private:
  struct Page {
    std::array<std::uint64_t, kBitsPerPage / 64> words{};
    bool changed = false;
  };
  struct Slot {
    std::uint64_t number;
    std::unique_ptr<Page> page;
  };

  // Its word in its page.
  static std::size_t word_of(std::uint64_t index) {
    return static_cast<std::size_t>(index % kBitsPerPage) / 64;
  }
  // Dense sets have each page in the slot of its number.
  bool is_in_place(std::uint64_t number) const {
    return number < slots_.size() && slots_[static_cast<std::size_t>(number)].number == number;
  }
  const Page* find(std::uint64_t number) const {
    return is_in_place(number) ? slots_[static_cast<std::size_t>(number)].page.get()
                               : search(number);
  }
  // The slot at or after a page number.
  std::size_t slot_of(std::uint64_t number) const;
  const Page* search(std::uint64_t number) const;
  Page& page(std::uint64_t number) {
    return is_in_place(number) ? *slots_[static_cast<std::size_t>(number)].page : new_page(number);
  }
  Page& new_page(std::uint64_t number);
  void mark(std::uint64_t number, Page& page);

  std::vector<Slot> slots_;  // ordered by number
  std::vector<std::uint64_t> changed_;
  std::uint64_t count_ = 0;
};

}  // namespace cip::store
