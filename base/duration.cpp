#include "base/duration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

namespace cip {
inline namespace base {
namespace {

// About 270 years, far inside 64 bits of microseconds.
constexpr double kLongestMicros = 100'000 * 86400e6;

constexpr std::array<std::pair<std::string_view, double>, 7> kUnits{{{"us", 1},
                                                                     {"ms", 1e3},
                                                                     {"s", 1e6},
                                                                     {"m", 60e6},
                                                                     {"min", 60e6},
                                                                     {"h", 3600e6},
                                                                     {"d", 86400e6}}};

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  // Digits and one point; no sign, no exponent, no blanks.
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = text.substr(0, digits);
  if (number.empty() || number.front() == '.' || number.back() == '.')
    return fail(Errc::bad_number);
  double value = 0;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + digits, value, std::chars_format::fixed);
  if (error == std::errc::result_out_of_range) return fail(Errc::out_of_range);
  if (error != std::errc{} || end != number.data() + digits) return fail(Errc::bad_number);
  std::string unit(text.substr(digits));
  std::ranges::transform(unit, unit.begin(), lower);
  const auto found = std::ranges::find(kUnits, unit, &decltype(kUnits)::value_type::first);
  if (found == kUnits.end()) return fail(Errc::bad_number);
  const double micros = value * found->second;
  if (micros > kLongestMicros) return fail(Errc::out_of_range);
  return Duration(static_cast<Duration::rep>(std::llround(micros)));
}

}  // namespace base
}  // namespace cip
