#pragma once

// The words of --log: which floors have a log of their own, and how much of it is wanted.

#include <array>
#include <string_view>

namespace cip::node {

// In the order of node::Floor.
inline constexpr std::array<std::string_view, 4> kLogFloors{"dht", "store", "overlay", "node"};
// From the least to the most severe.
inline constexpr std::array<std::string_view, 6> kLogLevels{"trace",   "debug", "info",
                                                            "warning", "error", "off"};

}  // namespace cip::node
