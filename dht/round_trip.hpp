#pragma once

// Round trip times in one byte: 0 is unknown, else 0.1 ms times 2^((v - 1) / 13), up to 70 s.

#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace cip::dht {

std::optional<Duration> decode_round_trip(std::uint8_t code);
// The code after one more measurement: a quarter of the way, in the logarithm, so that one outlier
// of ten times the usual moves the estimate less than twofold.
std::uint8_t smooth_round_trip(std::uint8_t code, Duration measured);

}  // namespace cip::dht
