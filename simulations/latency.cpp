#include "simulations/latency.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

namespace cip::simulations {
namespace {

constexpr Duration kLongest = std::chrono::seconds(60);

Result<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return fail(Errc::bad_number);
  }
  return value;
}

Result<Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double microseconds;
  };
  for (const Unit unit : {Unit{"us", 1}, Unit{"ms", 1e3}, Unit{"s", 1e6}}) {
    if (!text.ends_with(unit.name)) continue;
    const auto number = parse_number(text.substr(0, text.size() - unit.name.size()));
    if (!number) continue;  // "ms" ends with "s" too
    const double value = *number * unit.microseconds;
    if (value < 1 || value > static_cast<double>(kLongest.count())) return fail(Errc::out_of_range);
    return Duration(static_cast<Duration::rep>(value));
  }
  return fail(Errc::bad_number);
}

// A standard normal number (Box and Muller).
double draw_normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

Result<LatencyModel> parse_uniform(std::string_view rest) {
  const auto dots = rest.find("..");
  if (dots == std::string_view::npos) return fail(Errc::bad_number);
  const auto low = parse_duration(rest.substr(0, dots));
  const auto high = parse_duration(rest.substr(dots + 2));
  if (!low || !high || *low > *high) return fail(Errc::bad_number);
  return LatencyModel{LatencyModel::Kind::uniform, *low, *high, 0};
}

Result<LatencyModel> parse_lognormal(std::string_view rest) {
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) return fail(Errc::bad_number);
  const auto median = parse_duration(rest.substr(0, colon));
  const auto sigma = parse_number(rest.substr(colon + 1));
  if (!median || !sigma || *sigma < 0 || *sigma > 5) return fail(Errc::bad_number);
  return LatencyModel{LatencyModel::Kind::lognormal, *median, *median, *sigma};
}

}  // namespace

Duration LatencyModel::draw(Random& random) const {
  switch (kind) {
    case Kind::constant:
      return low;
    case Kind::uniform: {
      const auto width = static_cast<std::uint64_t>((high - low).count()) + 1;
      return low + Duration(static_cast<Duration::rep>(random.below(width)));
    }
    case Kind::lognormal: {
      const double drawn = static_cast<double>(low.count()) * std::exp(sigma * draw_normal(random));
      const double bounded = std::clamp(drawn, 1.0, static_cast<double>(kLongest.count()));
      return Duration(static_cast<Duration::rep>(bounded));
    }
  }
  return low;
}

Result<LatencyModel> parse_latency(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return fail(Errc::bad_number);
  const auto kind = text.substr(0, colon);
  const auto rest = text.substr(colon + 1);
  if (kind == "uniform") return parse_uniform(rest);
  if (kind == "lognormal") return parse_lognormal(rest);
  if (kind != "const") return fail(Errc::bad_number);
  const auto value = parse_duration(rest);
  if (!value) return fail(value.error());
  return LatencyModel{LatencyModel::Kind::constant, *value, *value, 0};
}

}  // namespace cip::simulations
