#include "simulations/churn.hpp"

#include <charconv>
#include <cmath>
#include <optional>

namespace cip::simulations {
namespace {

constexpr std::size_t kMostTraceLines = 50'000'000;
constexpr Duration kLongestStay = std::chrono::hours(24 * 365 * 10);

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  std::vector<std::string_view> out;
  while (true) {
    const auto begin = line.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return out;
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(kBlank), line.size());
    out.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::optional<TraceLine> parse_line(std::string_view line, std::uint64_t nodes) {
  const auto words = words_of(line);
  if (words.size() != 3) return std::nullopt;
  const auto at = parse_span(words[0]);
  TraceLine out;
  const auto [end, error] =
      std::from_chars(words[1].data(), words[1].data() + words[1].size(), out.node);
  const bool whole = error == std::errc{} && end == words[1].data() + words[1].size();
  if (!at || !whole || out.node >= nodes) return std::nullopt;
  if (words[2] != "join" && words[2] != "leave") return std::nullopt;
  out.at = *at;
  out.up = words[2] == "join";
  return out;
}

}  // namespace

// Inverse of the distribution function; the scale follows from mean = scale Gamma(1 + 1 / shape).
Duration ChurnModel::draw(Random& random) const {
  const double scale = static_cast<double>(mean.count()) / std::tgamma(1 + 1 / shape);
  const double drawn = scale * std::pow(-std::log(1 - random.unit()), 1 / shape);
  const double bounded = std::min(drawn, static_cast<double>(kLongestStay.count()));
  return Duration(static_cast<Duration::rep>(bounded) + 1);
}

Result<ChurnModel> parse_churn(std::string_view text) {
  ChurnModel out;
  if (text == "none") return out;
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return fail(Errc::bad_number);
  const auto kind = text.substr(0, colon);
  auto rest = text.substr(colon + 1);
  if (kind == "weibull") {
    const auto second = rest.find(':');
    if (second == std::string_view::npos) return fail(Errc::bad_number);
    const auto shape = parse_number(rest.substr(0, second));
    if (!shape || *shape < 0.1 || *shape > 10) return fail(Errc::out_of_range);
    out.kind = ChurnModel::Kind::weibull;
    out.shape = *shape;
    rest.remove_prefix(second + 1);
  } else if (kind == "exp") {
    out.kind = ChurnModel::Kind::exponential;
  } else {
    return fail(Errc::bad_number);
  }
  const auto mean = parse_span(rest);
  if (!mean) return fail(mean.error());
  if (*mean < std::chrono::seconds(1)) return fail(Errc::out_of_range);
  out.mean = *mean;
  return out;
}

tl::expected<std::vector<TraceLine>, TraceError> parse_trace(std::string_view text,
                                                             std::uint64_t nodes) {
  std::vector<TraceLine> out;
  std::size_t number = 0;
  const auto wrong = [&](std::string expected) {
    return tl::unexpected<TraceError>({number, std::move(expected)});
  };
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words_of(line).empty() || words_of(line)[0].starts_with('#')) continue;
    const auto parsed = parse_line(line, nodes);
    if (!parsed) {
      return wrong("TIME NODE join|leave, such as \"90s 17 leave\", with a node below " +
                   std::to_string(nodes));
    }
    if (!out.empty() && parsed->at < out.back().at) {
      return wrong("a time that is not before that of the line above");
    }
    if (out.size() >= kMostTraceLines) return wrong("at most 50,000,000 lines");
    out.push_back(*parsed);
  }
  if (out.empty()) return wrong("at least one line of TIME NODE join|leave");
  return out;
}

}  // namespace cip::simulations
