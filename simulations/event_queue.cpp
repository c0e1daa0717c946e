#include "simulations/event_queue.hpp"

#include <utility>

namespace cip::simulations {
namespace {

constexpr auto kLater = [](const QueuedEvent& a, const QueuedEvent& b) {
  return a.at != b.at ? a.at > b.at : a.order > b.order;
};

void push_heap_event(std::vector<QueuedEvent>& heap, const QueuedEvent& event) {
  heap.push_back(event);
  std::push_heap(heap.begin(), heap.end(), kLater);
}

QueuedEvent pop_heap_event(std::vector<QueuedEvent>& heap) {
  std::pop_heap(heap.begin(), heap.end(), kLater);
  const QueuedEvent event = heap.back();
  heap.pop_back();
  return event;
}

}  // namespace

void EventQueue::push(TimePoint at, QueuedEvent::Kind kind, NodeIndex node, std::uint32_t subject) {
  put({at, next_sequence_++ << 8 | static_cast<std::uint64_t>(kind), node, subject});
  if (++size_ == 1) advance();
}

bool EventQueue::is_urgent() const {
  if (urgent_.empty()) return false;
  return at_ == running_.size() || kLater(running_[at_], urgent_.front());
}

QueuedEvent EventQueue::pop() {
  const QueuedEvent event = is_urgent() ? pop_heap_event(urgent_) : running_[at_++];
  if (--size_ > 0) advance();
  return event;
}

void EventQueue::put(const QueuedEvent& event) {
  const std::uint64_t slot = slot_of(event.at);
  if (slot <= slot_) return push_heap_event(urgent_, event);
  if (slot - slot_ >= kSlots) return push_heap_event(later_, event);
  Events& events = waiting_[slot % kSlots];
  if (events.capacity() == 0 && !spare_.empty()) {
    events = std::move(spare_.back());
    spare_.pop_back();
  }
  events.push_back(event);
  ++in_slots_;
}

// When the slot is over: to the next one that holds something. A little before: to the next one, so
// that what comes first there can be seen.
void EventQueue::advance() {
  while (at_ == running_.size() && urgent_.empty()) {
    enter(in_slots_ > 0 ? slot_ + 1 : slot_of(later_.front().at));
  }
  const std::size_t left = running_.size() - at_;
  const bool ends = left > 0 && left <= kAhead && slot_of(running_[at_].at) == slot_;
  if (ends && in_slots_ > 0) enter(slot_ + 1);
}

void EventQueue::enter(std::uint64_t slot) {
  slot_ = slot;
  while (!later_.empty() && slot_of(later_.front().at) - slot_ < kSlots) {
    put(pop_heap_event(later_));
  }
  Events& arrived = waiting_[slot_ % kSlots];
  if (arrived.empty()) return;
  in_slots_ -= arrived.size();
  running_.erase(running_.begin(), running_.begin() + static_cast<std::ptrdiff_t>(at_));
  at_ = 0;
  const auto left = static_cast<std::ptrdiff_t>(running_.size());
  running_.insert(running_.end(), arrived.begin(), arrived.end());
  arrived.clear();
  const bool keep = arrived.capacity() <= kLargestSpare && spare_.size() < kSpare;
  if (keep) spare_.push_back(std::move(arrived));
  arrived = {};
  std::sort(running_.begin() + left, running_.end(),
            [](const QueuedEvent& a, const QueuedEvent& b) { return kLater(b, a); });
}

}  // namespace cip::simulations
