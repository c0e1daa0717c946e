#pragma once

// A queue in one vector: first in, first out, no memory while empty and never used.

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/prefetch.hpp"

namespace cip {
inline namespace base {

template <typename T>
class Fifo {
 public:
  void push(T&& item) { emplace(std::move(item)); }
  template <typename... Args>
  void emplace(Args&&... args) {
    if (items_.size() == items_.capacity())
      items_.reserve(items_.empty() ? kKept : 4 * items_.size());
    items_.emplace_back(std::forward<Args>(args)...);
  }

  std::optional<T> pop() {
    if (head_ == items_.size()) return std::nullopt;
    std::optional<T> out = std::move(items_[head_++]);
    if (head_ == items_.size()) reset();
    return out;
  }

  void clear() { reset(); }
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  std::size_t memory_bytes() const { return items_.capacity() * sizeof(T); }
  // Asks the processor for where the next item goes.
  void prefetch() const {
    if (items_.capacity() > 0) base::prefetch(items_.data(), sizeof(T));
  }

 private:
  // A burst must not be paid for ever: nodes are many, and mostly idle.
  static constexpr std::size_t kKept = 2;

  void reset() {
    items_.clear();
    if (items_.capacity() > kKept) std::vector<T>().swap(items_);
    head_ = 0;
  }

  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace base
}  // namespace cip
