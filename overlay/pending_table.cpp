#include "overlay/pending_table.hpp"

namespace cip::overlay {

void PendingTable::add(Now now, const PendingHello& hello) {
  // Forgotten entries count as well: they leave after 10 s at the latest.
  if (ages_.size() >= kMaxPendingHellos) {
    if (const auto oldest = hellos_.find(ages_.front().stream_id); oldest != hellos_.end()) {
      forget(oldest->second.id);
      ++evicted_;
    }
    ages_.pop_front();
  }
  const auto id = stream_id(hello.keys.hash, other(hello.keys.role));
  hellos_.insert_or_assign(id, hello);
  by_id_.insert_or_assign(hello.id, id);
  ages_.push_back({now.mono + kPendingHelloLife, id});
}

std::optional<PendingHello> PendingTable::forget(HelloId id) {
  const auto entry = by_id_.extract(id);
  if (entry.empty()) return std::nullopt;
  return hellos_.extract(entry.mapped()).mapped();
}

void PendingTable::expire(Now now) {
  while (!ages_.empty() && ages_.front().expires <= now.mono) {
    if (const auto entry = hellos_.find(ages_.front().stream_id); entry != hellos_.end()) {
      forget(entry->second.id);
    }
    ages_.pop_front();
  }
}

const PendingHello* PendingTable::find_pending(const Bytes32& id) const {
  const auto entry = hellos_.find(id);
  return entry == hellos_.end() ? nullptr : &entry->second;
}

std::optional<TimePoint> PendingTable::next_timeout() const {
  if (ages_.empty()) return std::nullopt;
  return ages_.front().expires;
}

}  // namespace cip::overlay
