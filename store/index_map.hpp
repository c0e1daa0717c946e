#pragma once

// A map from 64-bit numbers to 32-bit slots for the hot path: open addressing in one array, no
// allocation per entry. The number 2^64 - 1 cannot be a key. Nothing is ever removed singly.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace cip::store {

class IndexMap {
 public:
  bool empty() const { return used_ == 0; }
  std::size_t size() const { return used_; }

  // The key must not be there yet.
  void insert(std::uint64_t key, std::uint32_t slot) {
    if (2 * (used_ + 1) > entries_.size()) grow();
    place(key, slot);
    ++used_;
  }

  std::optional<std::uint32_t> find(std::uint64_t key) const {
    if (used_ == 0) return std::nullopt;
    for (auto at = home(key);; at = (at + 1) & (entries_.size() - 1)) {
      if (entries_[at].key == key) return entries_[at].slot;
      if (entries_[at].key == kNone) return std::nullopt;
    }
  }

  void clear() {
    entries_.clear();
    used_ = 0;
  }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  struct Entry {
    std::uint64_t key = kNone;
    std::uint32_t slot = 0;
  };

  std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15) >> 32) & (entries_.size() - 1);
  }
  void place(std::uint64_t key, std::uint32_t slot) {
    auto at = home(key);
    while (entries_[at].key != kNone) at = (at + 1) & (entries_.size() - 1);
    entries_[at] = {key, slot};
  }
  void grow() {
    auto old = std::exchange(entries_, {});
    entries_.resize(old.empty() ? 16 : 2 * old.size());
    for (const auto& entry : old)
      if (entry.key != kNone) place(entry.key, entry.slot);
  }

  std::vector<Entry> entries_;  // as many as a power of two
  std::size_t used_ = 0;
};

}  // namespace cip::store
