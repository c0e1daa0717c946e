#pragma once

// Numbers written to a place that is there already, lowest byte first. What is appended goes
// through the Writer of codec.hpp, what comes from outside through its Reader.

#include <cstdint>

namespace cip {
inline namespace base {

inline void put_u32(std::uint8_t* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

inline void put_u64(std::uint8_t* at, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace base
}  // namespace cip
