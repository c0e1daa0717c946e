#pragma once

// How a terminal is told to paint; everything that is painted ends with kPlain.

#include <string_view>

namespace cip::cli {

inline constexpr std::string_view kPlain = "\x1b[0m";
inline constexpr std::string_view kBold = "\x1b[1m";
inline constexpr std::string_view kDim = "\x1b[2m";
inline constexpr std::string_view kRed = "\x1b[31m";
inline constexpr std::string_view kBoldRed = "\x1b[1;31m";
inline constexpr std::string_view kGreen = "\x1b[32m";

}  // namespace cip::cli
