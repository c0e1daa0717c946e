#pragma once

// What happens next in a World: events ordered by (time, sequence), so that two events of the same
// instant happen in the order in which they were made. That makes a run repeat.
//
// A million nodes have a million timers, minutes away, and some hundred thousand messages that
// arrive within the next moments. One heap of them all would be looked through at every message.
// Instead time is cut into slots: the events of the slot that runs are sorted once, those of the
// next minute lie unordered in their slots, later ones in a heap of their own. Sorted, they also
// tell what comes next, so that it can be fetched from memory in time.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/time.hpp"

namespace cip::simulations {

using NodeIndex = std::uint32_t;

struct QueuedEvent {
  enum class Kind : std::uint8_t { message, timer, leave, join };

  TimePoint at{};
  std::uint64_t order = 0;  // sequence << 8 | kind
  NodeIndex node = 0;
  std::uint32_t subject = 0;  // slot of the message in flight

  Kind kind() const { return static_cast<Kind>(order & 0xff); }
};
static_assert(sizeof(QueuedEvent) == 24);

class EventQueue {
 public:
  void push(TimePoint at, QueuedEvent::Kind kind, NodeIndex node, std::uint32_t subject = 0);
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // The queue is not empty.
  const QueuedEvent& next() const { return is_urgent() ? urgent_.front() : running_[at_]; }
  QueuedEvent pop();
  // What most likely comes next, in order: seldom fewer than kAhead in a busy world.
  static constexpr std::size_t kAhead = 10;
  std::span<const QueuedEvent> upcoming() const { return std::span(running_).subspan(at_); }

 private:
  using Events = std::vector<QueuedEvent>;
  // A slot of 2^14 us holds a few thousand events of a busy world: they fit the nearest cache.
  static constexpr unsigned kSlotBits = 14;
  static constexpr std::uint64_t kSlots = 4096;  // 67 s

  static std::uint64_t slot_of(TimePoint at) {
    return static_cast<std::uint64_t>(at.time_since_epoch().count()) >> kSlotBits;
  }
  // So many slots of at most so many events leave their memory to the next ones: a burst must not
  // be paid for ever.
  static constexpr std::size_t kSpare = 16;
  static constexpr std::size_t kLargestSpare = 4096;

  // Does the next event come from urgent_?
  bool is_urgent() const;
  void put(const QueuedEvent& event);
  void advance();
  void enter(std::uint64_t slot);

  std::uint64_t slot_ = 0;  // the last one in running_
  Events running_;          // sorted; those before at_ are over
  std::size_t at_ = 0;
  Events urgent_;                       // heap of what came too late to be sorted in
  std::array<Events, kSlots> waiting_;  // slot_ < slot < slot_ + kSlots, at slot % kSlots
  std::size_t in_slots_ = 0;
  std::vector<Events> spare_;  // memory of slots that are over
  Events later_;               // heap, the next one in front
  std::size_t size_ = 0;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace cip::simulations
