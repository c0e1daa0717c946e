#include "overlay/pending_table.hpp"

namespace cip::overlay {

void PendingTable::add(Now now, const PendingHello& hello, Duration life) {
  // Forgotten entries count as well: they leave when they would have expired.
  if (ages_.size() >= kMaxPendingHellos) {
    if (const auto next = hellos_.find(ages_.begin()->second); next != hellos_.end()) {
      forget(next->second.id);
      ++evicted_;
    }
    ages_.erase(ages_.begin());
  }
  const auto id = stream_id(hello.keys.hash, other(hello.keys.role));
  hellos_.insert_or_assign(id, hello);
  by_id_.insert_or_assign(hello.id, id);
  ages_.emplace(now.mono + life, id);
}

std::optional<PendingHello> PendingTable::forget(HelloId id) {
  const auto entry = by_id_.extract(id);
  if (entry.empty()) return std::nullopt;
  return hellos_.extract(entry.mapped()).mapped();
}

void PendingTable::expire(Now now) {
  while (!ages_.empty() && ages_.begin()->first <= now.mono) {
    if (const auto entry = hellos_.find(ages_.begin()->second); entry != hellos_.end()) {
      forget(entry->second.id);
    }
    ages_.erase(ages_.begin());
  }
}

const PendingHello* PendingTable::find_pending(const Bytes32& id) const {
  const auto entry = hellos_.find(id);
  return entry == hellos_.end() ? nullptr : &entry->second;
}

std::optional<TimePoint> PendingTable::next_timeout() const {
  if (ages_.empty()) return std::nullopt;
  return ages_.begin()->first;
}

}  // namespace cip::overlay
