#pragma once

// Counts in sentences.

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace cip {
inline namespace base {

// "1 block", "2 blocks".
inline std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace base
}  // namespace cip
