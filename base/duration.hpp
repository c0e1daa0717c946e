#pragma once

// Durations as users write them, the same everywhere: 500ms, 2s, 1.5h, 3m or 3min, 7d.

#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace cip {
inline namespace base {

// A number with a unit (us, ms, s, m or min, h, d, in either case), or a bare 0. Other bare numbers
// are refused: a unit says what was meant. Errors: bad_number, out_of_range (beyond 100,000 days).
Result<Duration> parse_duration(std::string_view text);

}  // namespace base
}  // namespace cip
