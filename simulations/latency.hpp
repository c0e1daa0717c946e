#pragma once

// How long a datagram is under way: const:50ms, uniform:10ms..100ms, lognormal:MEDIAN:SIGMA, or
// king: between world regions.

#include <cstdint>
#include <string_view>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace cip::simulations {

// A region of the king model, by its place in the matrix.
using Region = std::uint8_t;

struct LatencyModel {
  enum class Kind { constant, uniform, lognormal, king };

  Kind kind = Kind::constant;
  Duration low{50'000};   // constant: the value; uniform: the least; lognormal: the median
  Duration high{50'000};  // uniform: the most
  double sigma = 0;       // lognormal: of the logarithm

  // The regions matter to king alone.
  Duration draw(Random& random, Region from = 0, Region to = 0) const;
  // Where a node is, by the shares of the regions. Draws for king alone.
  Region draw_region(Random& random) const;
};

// Durations as everywhere (base/duration.hpp), at least 1 us, at most 60 s.
Result<LatencyModel> parse_latency(std::string_view text);

// A number that is finite.
Result<double> parse_number(std::string_view text);
// A span of simulated time: 0 to 365 d.
Result<Duration> parse_span(std::string_view text);

}  // namespace cip::simulations
