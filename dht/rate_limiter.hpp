#pragma once

// So and so many per window and key: simple counters against floods. Keys that cannot be remembered
// any more are refused.

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "base/time.hpp"

namespace cip::dht {

class RateLimiter {
 public:
  static constexpr std::size_t kMaxKeys = 2048;

  RateLimiter(std::uint32_t limit, Duration window) : limit_(limit), window_(window) {}

  bool allow(TimePoint now, std::uint64_t key) {
    if (counts_.size() >= kMaxKeys && !counts_.contains(key)) {
      if (now - purged_at_ < window_) return false;
      purged_at_ = now;
      std::erase_if(counts_, [&](const auto& item) { return now - item.second.began >= window_; });
      if (counts_.size() >= kMaxKeys) return false;
    }
    auto& count = counts_[key];
    if (now - count.began >= window_) count = {now, 0};
    if (count.used >= limit_) return false;
    ++count.used;
    return true;
  }
  std::size_t memory_bytes() const {
    return counts_.size() * 40 + counts_.bucket_count() * sizeof(void*);
  }

 private:
  struct Count {
    TimePoint began{};
    std::uint32_t used = 0;
  };
  std::uint32_t limit_;
  Duration window_;
  TimePoint purged_at_{};  // not at every refused key: that would be the flood's best weapon
  std::unordered_map<std::uint64_t, Count> counts_;  // never iterated where order could show
};

}  // namespace cip::dht
