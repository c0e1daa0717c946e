#pragma once

// Counts that their holders give back: whoever uses a feed, seeks peers for it or serves it holds
// an object, and what it stands for is over with that object, whatever path led there.

#include <functional>
#include <utility>

#include "store/store_op.hpp"

namespace cip::node {

// Calls `give_back` once, when it ends.
class [[nodiscard]] Hold {
 public:
  Hold() = default;
  explicit Hold(std::function<void()> give_back) : give_back_(std::move(give_back)) {}
  Hold(Hold&& other) noexcept : give_back_(std::exchange(other.give_back_, nullptr)) {}
  Hold& operator=(Hold&& other) noexcept {
    std::swap(give_back_, other.give_back_);
    return *this;
  }
  ~Hold() { end(); }
  void end() {
    if (const auto give_back = std::exchange(give_back_, nullptr)) give_back();
  }

 private:
  std::function<void()> give_back_;
};

// The right to a feed that is open: while it lasts the feed stays open, and nobody drops it.
class FeedUse {
 public:
  using Id = std::uint64_t;  // of this use, among those of the feed

  FeedUse() = default;
  FeedUse(store::FeedNumber number, Id id, Hold hold)
      : number_(number), id_(id), hold_(std::move(hold)) {}

  store::FeedNumber number() const { return number_; }
  Id id() const { return id_; }

 private:
  store::FeedNumber number_ = 0;
  Id id_ = 0;
  Hold hold_;
};

}  // namespace cip::node
