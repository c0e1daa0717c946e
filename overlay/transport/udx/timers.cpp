#include "overlay/transport/udx/timers.hpp"

namespace cip::overlay {

void UdxTimers::set(Place& place, std::uint32_t id, std::optional<TimePoint> at) {
  if (!at) {
    if (place.index != kNone) remove(place);
    return;
  }
  const Entry entry{*at, id, &place};
  if (place.index == kNone) {
    heap_.push_back(entry);
    rise(heap_.size() - 1, entry);
  } else if (*at < heap_[place.index].at) {
    rise(place.index, entry);
  } else if (heap_[place.index].at < *at) {
    sink(place.index, entry);
  }
}

std::optional<TimePoint> UdxTimers::next() const {
  return heap_.empty() ? std::nullopt : std::optional(heap_.front().at);
}

std::optional<std::uint32_t> UdxTimers::take_due(TimePoint now) {
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const auto first = heap_.front();
  remove(*first.place);
  return first.id;
}

void UdxTimers::remove(Place& place) {
  const auto hole = place.index;
  place.index = kNone;
  const auto last = heap_.back();
  heap_.pop_back();
  if (hole == heap_.size()) return;
  // The last one fills the hole, and may belong above or below it.
  const auto was = heap_[hole].at;
  if (last.at < was) {
    rise(hole, last);
  } else {
    sink(hole, last);
  }
}

void UdxTimers::put(std::size_t index, const Entry& entry) {
  heap_[index] = entry;
  entry.place->index = index;
}

void UdxTimers::rise(std::size_t index, const Entry& entry) {
  while (index > 0) {
    const auto parent = (index - 1) / 2;
    if (!(entry.at < heap_[parent].at)) break;
    put(index, heap_[parent]);
    index = parent;
  }
  put(index, entry);
}

void UdxTimers::sink(std::size_t index, const Entry& entry) {
  for (auto child = 2 * index + 1; child < heap_.size(); child = 2 * index + 1) {
    if (child + 1 < heap_.size() && heap_[child + 1].at < heap_[child].at) ++child;
    if (!(heap_[child].at < entry.at)) break;
    put(index, heap_[child]);
    index = child;
  }
  put(index, entry);
}

}  // namespace cip::overlay
