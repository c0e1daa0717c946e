#pragma once

// Members that left the table because they did not answer. A cable that is plugged in again, a
// partition that ends: they are asked again, ever more rarely, so that two halves which have
// forgotten each other's members meet again without an address from outside.

#include <algorithm>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "base/time.hpp"

namespace cip::dht {

class LostContacts {
 public:
  static constexpr std::size_t kMaxEntries = 16;  // whoever was tried most makes room
  static constexpr unsigned kMaxTries = 8;        // after 1, 2, 4 ... 128 minutes
  static constexpr Duration kFirstWait = std::chrono::minutes(1);

  void add(TimePoint now, Endpoint endpoint) {
    forget(endpoint);
    if (entries_.size() == kMaxEntries) {
      entries_.erase(std::ranges::max_element(entries_, {}, &Entry::tries));
    }
    entries_.push_back({endpoint, 0, now + kFirstWait});
  }
  // It has been heard of.
  void forget(Endpoint endpoint) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.endpoint == endpoint; });
  }
  // One that is due to be tried, if there is any; this counts as the try.
  std::optional<Endpoint> poll(TimePoint now) {
    const auto due = std::ranges::min_element(entries_, {}, &Entry::next);
    if (due == entries_.end() || due->next > now) return std::nullopt;
    const auto endpoint = due->endpoint;
    due->next = now + kFirstWait * (1 << ++due->tries);
    if (due->tries == kMaxTries) entries_.erase(due);
    return endpoint;
  }
  bool empty() const { return entries_.empty(); }
  std::size_t memory_bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    Endpoint endpoint;
    unsigned tries;
    TimePoint next;
  };
  std::vector<Entry> entries_;  // longest lost first
};

}  // namespace cip::dht
