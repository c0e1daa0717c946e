#include "node/since.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

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

std::optional<std::uint64_t> milliseconds_of(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 5> kUnits{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  for (const auto& [name, value] : kUnits) {
    if (unit == name) return value;
  }
  return std::nullopt;
}

std::optional<overlay::Since> parse(std::string_view text) {
  if (text == "start") return overlay::Since{Kind::start, 0, {}};
  if (text == "new") return overlay::Since{Kind::only_new, 0, {}};
  std::string_view rest;
  if (text.starts_with("last:")) {
    const auto count = read_number(text.substr(5), rest);
    if (!count || !rest.empty()) return std::nullopt;
    return overlay::Since{Kind::last, *count, {}};
  }
  const auto number = read_number(text, rest);
  if (!number) return std::nullopt;
  if (rest.empty()) return overlay::Since{Kind::seq, *number, {}};
  const auto unit = milliseconds_of(rest);
  if (!unit) return std::nullopt;
  const std::uint64_t most = static_cast<std::uint64_t>(kLongestAgo.count());
  const auto ago = *number > most / *unit ? most : *number * *unit;
  return overlay::Since{Kind::time, 0, std::chrono::milliseconds(ago)};
}

}  // namespace

Outcome<overlay::Since> parse_since(const std::string& text) {
  if (const auto since = parse(text)) return *since;
  return fail_with(ExitCode::usage, fmt::format("\"{}\" does not say since when", text),
                   "write start, new, last:N, a sequence number or a duration like 10m");
}

}  // namespace cip::node
