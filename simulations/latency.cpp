#include "simulations/latency.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "base/duration.hpp"

namespace cip::simulations {
namespace {

constexpr Duration kLongest = std::chrono::seconds(60);
constexpr Duration kLongestSpan = std::chrono::hours(24 * 365);

// Mean round trips in ms between North America, Europe, South America, Asia and Pacific, Japan,
// Australia, and the share of nodes in each: the values of 2019 in SimBlock (Aoki et al.,
// "SimBlock: A Blockchain Network Simulator", 2019; NetworkConfiguration.java, LATENCY_2019 and the
// Bitcoin distribution). A datagram takes half of it, within a fifth (kJitter) of that drawn
// uniformly.
constexpr std::size_t kRegions = 6;
constexpr double kRoundTripMs[kRegions][kRegions] = {
    {32, 124, 184, 198, 151, 189}, {124, 11, 227, 237, 252, 294}, {184, 227, 88, 325, 301, 322},
    {198, 237, 325, 85, 58, 198},  {151, 252, 301, 58, 12, 126},  {189, 294, 322, 198, 126, 16}};
constexpr double kRegionShare[kRegions] = {0.3316, 0.4998, 0.0090, 0.1177, 0.0224, 0.0195};
constexpr double kJitter = 0.2;

Result<Duration> parse_within(std::string_view text, Duration shortest, Duration longest) {
  const auto value = base::parse_duration(text);
  if (value && (*value < shortest || *value > longest)) return fail(Errc::out_of_range);
  return value;
}

Result<Duration> parse_latency_span(std::string_view text) {
  return parse_within(text, Duration(1), kLongest);
}

// A standard normal number (Box and Muller).
double draw_normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

Result<LatencyModel> parse_uniform(std::string_view rest) {
  const auto dots = rest.find("..");
  if (dots == std::string_view::npos) return fail(Errc::bad_number);
  const auto low = parse_latency_span(rest.substr(0, dots));
  const auto high = parse_latency_span(rest.substr(dots + 2));
  if (!low || !high || *low > *high) return fail(Errc::bad_number);
  return LatencyModel{LatencyModel::Kind::uniform, *low, *high, 0};
}

Result<LatencyModel> parse_lognormal(std::string_view rest) {
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) return fail(Errc::bad_number);
  const auto median = parse_latency_span(rest.substr(0, colon));
  const auto sigma = parse_number(rest.substr(colon + 1));
  if (!median || !sigma || *sigma < 0 || *sigma > 5) return fail(Errc::bad_number);
  return LatencyModel{LatencyModel::Kind::lognormal, *median, *median, *sigma};
}

}  // namespace

Result<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return fail(Errc::bad_number);
  }
  return value;
}

Result<Duration> parse_span(std::string_view text) {
  return parse_within(text, Duration(0), kLongestSpan);
}

Duration LatencyModel::draw(Random& random, Region from, Region to) const {
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
    case Kind::king: {
      const double one_way_us = kRoundTripMs[from][to] / 2 * 1e3;
      const double factor = 1 - kJitter + 2 * kJitter * random.unit();
      return Duration(static_cast<Duration::rep>(one_way_us * factor));
    }
  }
  return low;
}

Region LatencyModel::draw_region(Random& random) const {
  if (kind != Kind::king) return 0;
  double left = random.unit();
  for (Region region = 0; region + 1u < kRegions; ++region) {
    left -= kRegionShare[region];
    if (left < 0) return region;
  }
  return kRegions - 1;
}

Result<LatencyModel> parse_latency(std::string_view text) {
  if (text == "king") return LatencyModel{LatencyModel::Kind::king, {}, {}, 0};
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return fail(Errc::bad_number);
  const auto kind = text.substr(0, colon);
  const auto rest = text.substr(colon + 1);
  if (kind == "uniform") return parse_uniform(rest);
  if (kind == "lognormal") return parse_lognormal(rest);
  if (kind != "const") return fail(Errc::bad_number);
  const auto value = parse_latency_span(rest);
  if (!value) return fail(value.error());
  return LatencyModel{LatencyModel::Kind::constant, *value, *value, 0};
}

}  // namespace cip::simulations
