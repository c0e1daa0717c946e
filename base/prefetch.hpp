#pragma once

// Asks the processor for memory that is looked at soon, cache line by cache line. For loops over
// very much of it: the simulator, whose nodes are far from the processor.

#include <cstddef>

namespace cip {
inline namespace base {

inline void prefetch(const void* begin, std::size_t bytes) {
  if (begin == nullptr) return;  // of what is empty
  constexpr std::size_t kCacheLine = 64;
  const auto* at = static_cast<const char*>(begin);
  for (std::size_t i = 0; i < bytes; i += kCacheLine) __builtin_prefetch(at + i);
}

}  // namespace base
}  // namespace cip
