#pragma once

// A map from 64-bit numbers to small values for hot paths: open addressing in one array (linear
// probing, at most half full), so that an entry allocates nothing. Inserting and erasing move other
// values: pointers hold until then.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cip {
inline namespace base {

template <typename V>
class NumberMap {
 public:
  bool empty() const { return used_ == 0; }
  std::size_t size() const { return used_; }

  // False, and nothing changes, when the key is there.
  bool insert(std::uint64_t key, V value) {
    if (2 * (used_ + 1) > entries_.size()) grow();
    const auto at = probe(key);
    if (entries_[at].used) return false;
    entries_[at] = {key, true, std::move(value)};
    ++used_;
    return true;
  }

  const V* find(std::uint64_t key) const {
    const auto at = place_of(key);
    return at == kNowhere ? nullptr : &entries_[at].value;
  }
  V* find(std::uint64_t key) {
    const auto at = place_of(key);
    return at == kNowhere ? nullptr : &entries_[at].value;
  }
  // Makes room for so many without growing again.
  void reserve(std::size_t count) {
    auto size = std::max(entries_.size(), kSmallest);
    while (size < 2 * count) size *= 2;
    if (size > entries_.size()) resize(size);
  }
  bool contains(std::uint64_t key) const { return place_of(key) != kNowhere; }

  bool erase(std::uint64_t key) {
    auto hole = place_of(key);
    if (hole == kNowhere) return false;
    // Whoever could stand nearer to its home moves there: a search ends at the first free place.
    for (auto at = after(hole); entries_[at].used; at = after(at)) {
      const auto from_home = (at - home(entries_[at].key)) & mask();
      if (from_home < ((at - hole) & mask())) continue;
      entries_[hole] = std::move(entries_[at]);
      hole = at;
    }
    entries_[hole] = {};
    --used_;
    return true;
  }

  // Keeps the memory when much of it was in use.
  void clear() {
    if (16 * used_ < entries_.size()) {
      entries_ = {};
    } else {
      std::fill(entries_.begin(), entries_.end(), Entry{});
    }
    used_ = 0;
  }

 private:
  static constexpr std::size_t kNowhere = ~std::size_t{0};
  static constexpr std::size_t kSmallest = 16;
  struct Entry {
    std::uint64_t key = 0;
    bool used = false;
    V value{};
  };

  std::size_t mask() const { return entries_.size() - 1; }
  std::size_t after(std::size_t at) const { return (at + 1) & mask(); }
  std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15) >> 32) & mask();
  }
  std::size_t place_of(std::uint64_t key) const {
    if (used_ == 0) return kNowhere;
    const auto at = probe(key);
    return entries_[at].used ? at : kNowhere;
  }
  // Where the key stands, or the free place where it would.
  std::size_t probe(std::uint64_t key) const {
    auto at = home(key);
    while (entries_[at].used && entries_[at].key != key) at = after(at);
    return at;
  }
  void grow() { resize(entries_.empty() ? kSmallest : 2 * entries_.size()); }
  void resize(std::size_t size) {
    auto old = std::exchange(entries_, {});
    entries_.resize(size);
    for (auto& entry : old)
      if (entry.used) entries_[probe(entry.key)] = std::move(entry);
  }

  std::vector<Entry> entries_;  // as many as a power of two, or none
  std::size_t used_ = 0;
};

}  // namespace base
}  // namespace cip
