#pragma once

// Numbers of packets. They wrap: which of two is earlier follows from their signed difference
// modulo 2^32 (udx.md 2).

#include <cstdint>

namespace cip::overlay {

using UdxSeq = std::uint32_t;

// How many numbers `to` lies behind `from`; negative when it lies before.
constexpr std::int32_t udx_distance(UdxSeq from, UdxSeq to) {
  return static_cast<std::int32_t>(to - from);
}
constexpr bool udx_before(UdxSeq a, UdxSeq b) { return udx_distance(a, b) > 0; }

// Half open: `end` is the first number that is not in it.
struct UdxRange {
  UdxSeq begin = 0;
  UdxSeq end = 0;

  bool operator==(const UdxRange&) const = default;
};

}  // namespace cip::overlay
