#include "dht/round_trip.hpp"

#include <algorithm>
#include <cmath>

namespace cip::dht {
namespace {

constexpr double kSmallestUs = 100;
constexpr double kStepsPerOctave = 13;

int encode_round_trip(Duration measured) {
  const double us = std::max(kSmallestUs, static_cast<double>(measured.count()));
  const double steps = std::log2(us / kSmallestUs) * kStepsPerOctave;
  return 1 + static_cast<int>(std::min(254.0, std::round(steps)));
}

}  // namespace

std::optional<Duration> decode_round_trip(std::uint8_t code) {
  if (code == 0) return std::nullopt;
  const double us = kSmallestUs * std::exp2((code - 1) / kStepsPerOctave);
  return Duration(static_cast<Duration::rep>(us));
}

std::uint8_t smooth_round_trip(std::uint8_t code, Duration measured) {
  const int latest = encode_round_trip(measured);
  if (code == 0) return static_cast<std::uint8_t>(latest);
  const int difference = latest - code;
  // Rounded away from 0, so that a lasting change is followed to the end.
  const int step = (difference + (difference > 0 ? 3 : -3)) / 4;
  return static_cast<std::uint8_t>(code + step);
}

}  // namespace cip::dht
