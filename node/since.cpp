#include "node/since.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/duration.hpp"

namespace cip::node {

namespace {

using Kind = overlay::Since::Kind;

// Further back than anything was written: a thousand years.
constexpr std::chrono::milliseconds kLongestAgo = std::chrono::hours(24 * 365 * 1000);

std::optional<std::uint64_t> read_number(std::string_view text, std::string_view& rest) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<overlay::Since> parse(std::string_view text) {
  if (text == "start") return overlay::Since{Kind::start, 0, {}};
  if (text == "new" || text == "now") return overlay::Since{Kind::only_new, 0, {}};
  std::string_view rest;
  if (text.starts_with("last:")) {
    const auto count = read_number(text.substr(5), rest);
    if (!count || !rest.empty()) return std::nullopt;
    return overlay::Since{Kind::last, *count, {}};
  }
  const auto number = read_number(text, rest);
  if (number && rest.empty()) return overlay::Since{Kind::seq, *number, {}};
  const auto back = parse_duration(text);
  if (!back && back.error() == Errc::out_of_range)
    return overlay::Since{Kind::time, 0, kLongestAgo};
  if (!back) return std::nullopt;
  const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(*back);
  return overlay::Since{Kind::time, 0, ago};
}

}  // namespace

Outcome<overlay::Since> parse_since(const std::string& text) {
  if (const auto since = parse(text)) return *since;
  return fail_with(ExitCode::usage, fmt::format("\"{}\" does not say since when", text),
                   "write start, new, last:N, a sequence number or a duration like 10m");
}

}  // namespace cip::node
