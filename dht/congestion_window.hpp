#pragma once

// How many requests may be under way (dht.md 6; peer implementation: npm dht-rpc). Four slots of
// 750 ms: a transmission adds one to the current slot and to the total; an answer takes one off
// both; when a slot passes, what is left in the oldest is taken off the total.
//
// Where we differ from npm dht-rpc: an answer is taken off the slot of its transmission. Stock
// takes it off the current one, if that is above 0: what was under way when a slot ended then fills
// the window for three seconds although it was answered, and a busy node stands still.

#include <array>
#include <cstdint>

#include "base/time.hpp"

namespace cip::dht {

class CongestionWindow {
 public:
  static constexpr Duration kSlot = std::chrono::milliseconds(750);

  explicit CongestionWindow(std::uint32_t limit = 80) : limit_(limit) {}

  bool is_full(TimePoint now) {
    advance(now);
    return total_ >= 2 * limit_ || slots_[current_] >= limit_;
  }
  void add(TimePoint now);
  // An answer to what was transmitted at `sent`.
  void remove(TimePoint now, TimePoint sent);
  // When the current slot ends, and room may appear without an answer.
  TimePoint next_slot() const { return slot_began_ + kSlot; }

 private:
  void advance(TimePoint now);

  std::uint32_t limit_;
  std::uint32_t total_ = 0;
  std::array<std::uint32_t, 4> slots_{};
  std::size_t current_ = 0;
  TimePoint slot_began_{};
};

}  // namespace cip::dht
