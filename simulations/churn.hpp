#pragma once

// How long nodes stay: none | exp:MEAN | weibull:SHAPE:MEAN | trace:FILE. With exp and weibull a
// node that leaves is replaced at once by a newcomer with another address, so that the population
// stays the same; a trace says who leaves and comes back when.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "simulations/latency.hpp"

namespace cip::simulations {

struct TraceLine {
  Duration at{};
  std::uint32_t node = 0;
  bool up = false;
};

struct ChurnModel {
  enum class Kind : std::uint8_t { none, exponential, weibull, trace };

  Kind kind = Kind::none;
  Duration mean{};
  double shape = 1;              // weibull; exponential is shape 1
  std::vector<TraceLine> trace;  // ascending by time

  // How long a node stays. For exponential and weibull.
  Duration draw(Random& random) const;
};

// Means are a number with a unit, 1 s to 365 d; shapes lie between 0.1 and 10. A trace is read
// apart: its text is a file's.
Result<ChurnModel> parse_churn(std::string_view text);

// Lines of "TIME NODE join|leave" (2h 17 leave), times ascending; empty lines and lines that begin
// with # say nothing. The error names line and expectation.
struct TraceError {
  std::size_t line = 0;
  std::string expected;
};
tl::expected<std::vector<TraceLine>, TraceError> parse_trace(std::string_view text,
                                                             std::uint64_t nodes);

}  // namespace cip::simulations
