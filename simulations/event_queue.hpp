#pragma once

// What happens next in a World: events ordered by (time, sequence), so that two events of the same
// instant happen in the order in which they were made. That makes a run repeat.

#include <cstdint>
#include <queue>
#include <vector>

#include "base/time.hpp"

namespace cip::simulations {

using NodeIndex = std::uint32_t;

struct QueuedEvent {
  enum class Kind : std::uint8_t { message, timer, leave, join };

  TimePoint at{};
  std::uint64_t sequence = 0;
  std::uint32_t subject = 0;  // slot of the message in flight, else the node
  Kind kind = Kind::timer;
};

class EventQueue {
 public:
  void push(TimePoint at, QueuedEvent::Kind kind, std::uint32_t subject) {
    events_.push({at, next_sequence_++, subject, kind});
  }
  bool empty() const { return events_.empty(); }
  std::size_t size() const { return events_.size(); }
  const QueuedEvent& next() const { return events_.top(); }
  QueuedEvent pop() {
    const QueuedEvent event = events_.top();
    events_.pop();
    return event;
  }

 private:
  struct Later {
    bool operator()(const QueuedEvent& a, const QueuedEvent& b) const {
      return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }
  };
  std::priority_queue<QueuedEvent, std::vector<QueuedEvent>, Later> events_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace cip::simulations
