#pragma once

// Rates, times and sizes, one from the others.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace cip::overlay {

// Bytes that a time is worth at a rate in bytes per second; of at most a minute, so that nothing
// overflows below 300 GB/s.
inline std::uint64_t bytes_in(Duration time, std::uint64_t bytes_per_second) {
  constexpr Duration kLongest = std::chrono::minutes(1);
  const auto micros = std::clamp(time, Duration::zero(), kLongest).count();
  return static_cast<std::uint64_t>(micros) * bytes_per_second / 1'000'000;
}

// What fits into memory is no more than this, where sizes have 32 bits too.
inline std::size_t as_size(std::uint64_t bytes) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(bytes, SIZE_MAX));
}

}  // namespace cip::overlay
