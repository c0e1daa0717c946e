#pragma once

// Addresses that did not answer, remembered for some minutes: others keep naming them, and each
// would cost every walk a timeout (dht.md 20, 7).

#include <algorithm>
#include <vector>

#include "base/endpoint.hpp"
#include "base/time.hpp"

namespace cip::dht {

class DeadList {
 public:
  static constexpr Duration kMemory = std::chrono::minutes(3);
  static constexpr std::size_t kMaxEntries = 256;  // the oldest makes room

  void add(TimePoint now, Endpoint endpoint) {
    forget(endpoint);
    if (entries_.size() == kMaxEntries) entries_.erase(entries_.begin());
    entries_.push_back({endpoint, now + kMemory});
  }
  // It has been heard of.
  void forget(Endpoint endpoint) {
    if (entries_.empty()) return;
    std::erase_if(entries_, [&](const Entry& entry) { return entry.endpoint == endpoint; });
  }
  bool contains(TimePoint now, Endpoint endpoint) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.endpoint == endpoint && entry.until > now;
    });
  }
  void clear() { entries_.clear(); }
  std::size_t memory_bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    Endpoint endpoint;
    TimePoint until;
  };
  std::vector<Entry> entries_;  // oldest first
};

}  // namespace cip::dht
