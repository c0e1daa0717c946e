#pragma once

// How long a datagram is under way: const:50ms, uniform:10ms..100ms or lognormal:MEDIAN:SIGMA.

#include <string_view>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace cip::simulations {

struct LatencyModel {
  enum class Kind { constant, uniform, lognormal };

  Kind kind = Kind::constant;
  Duration low{50'000};   // constant: the value; uniform: the least; lognormal: the median
  Duration high{50'000};  // uniform: the most
  double sigma = 0;       // lognormal: of the logarithm

  Duration draw(Random& random) const;
};

// Durations are a number with a unit: 500us, 50ms, 2s. At least 1 us, at most 60 s.
Result<LatencyModel> parse_latency(std::string_view text);

}  // namespace cip::simulations
