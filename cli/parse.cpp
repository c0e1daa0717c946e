#include "cli/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace cip::cli {
namespace {

template <typename... Args>
tl::unexpected<std::string> bad(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<std::string>(fmt::format(format, std::forward<Args>(args)...));
}

// What a user typed, inside a sentence.
std::string quoted(std::string_view text) { return '\'' + escape_for_terminal(text) + '\''; }

struct Unit {
  std::string_view name;
  double factor;
};

// Durations count in microseconds.
constexpr std::array kTimeUnits = {Unit{"us", 1},     Unit{"ms", 1e3},   Unit{"s", 1e6},
                                   Unit{"m", 60e6},   Unit{"min", 60e6}, Unit{"h", 3600e6},
                                   Unit{"d", 86400e6}};
constexpr std::array kSizeUnits = {Unit{"", 1}, Unit{"k", 1024.0}, Unit{"m", 1024.0 * 1024},
                                   Unit{"g", 1024.0 * 1024 * 1024},
                                   Unit{"t", 1024.0 * 1024 * 1024 * 1024}};
// Longest duration taken: about 270 years, far inside 64 bits of microseconds.
constexpr double kLongestMicros = 100'000 * 86400e6;
// Largest size taken: what a double still counts exactly.
constexpr double kLargestSize = 9007199254740992.0;

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& letter : out)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return out;
}

// A decimal number with an optional fraction in front of `rest`; nothing else (no sign, no
// exponent, no blanks).
std::optional<double> leading_number(std::string_view text, std::string_view& rest) {
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = text.substr(0, digits);
  if (number.empty() || number.front() == '.' || number.back() == '.') return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + digits, value, std::chars_format::fixed);
  if (error != std::errc{} || end != number.data() + digits) return std::nullopt;
  rest = text.substr(digits);
  return value;
}

template <std::size_t N>
std::optional<double> factor_of(std::string_view name, const std::array<Unit, N>& units) {
  const auto found = std::ranges::find(units, name, &Unit::name);
  if (found == units.end()) return std::nullopt;
  return found->factor;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct HostPort {
  std::string_view host;
  std::uint16_t port = 0;
};

std::optional<HostPort> split_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = whole_number(text.substr(colon + 1));
  if (!port || *port > 0xffff) return std::nullopt;
  return HostPort{text.substr(0, colon), static_cast<std::uint16_t>(*port)};
}

// A dotted IPv4 address or a name of letters, digits, dashes, underscores and dots.
bool is_host(std::string_view host) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  };
  if (host.empty() || host.size() > 253 || !std::ranges::all_of(host, allowed)) return false;
  const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return !numeric || parse_ipv4(host).has_value();
}

}  // namespace

Parsed<Duration> parse_duration(std::string_view text) {
  std::string_view unit;
  const auto number = leading_number(text, unit);
  if (text == "0") return Duration::zero();
  const auto factor = factor_of(lower(unit), kTimeUnits);
  if (!number || !factor) return bad("{} is not a duration such as 500ms, 2s or 1h", quoted(text));
  const double micros = *number * *factor;
  if (micros > kLongestMicros) return bad("{} is too long a duration", quoted(text));
  return Duration(static_cast<Duration::rep>(std::llround(micros)));
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  std::string_view rest;
  const auto number = leading_number(text, rest);
  auto unit = lower(rest);
  if (unit.ends_with("ib") && unit.size() == 3) unit.resize(1);
  if (unit.ends_with('b') && unit.size() <= 2) unit.pop_back();
  const auto factor = factor_of(unit, kSizeUnits);
  if (!number || !factor) return bad("{} is not a size such as 100, 64k or 5M", quoted(text));
  const double bytes = *number * *factor;
  if (bytes > kLargestSize) return bad("{} is too large a size", quoted(text));
  if (bytes != std::floor(bytes)) return bad("{} is not a whole number of bytes", quoted(text));
  return static_cast<std::uint64_t>(bytes);
}

Parsed<std::uint64_t> parse_count(std::string_view text) {
  const auto value = whole_number(text);
  if (!value) return bad("{} is not a whole number", quoted(text));
  return *value;
}

Parsed<bool> parse_switch(std::string_view text) {
  const auto word = lower(text);
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return bad("{} is neither true nor false", quoted(text));
}

Parsed<BlockRange> parse_range(std::string_view text) {
  const auto dots = text.find("..");
  const auto wrong = [&] {
    return bad("{} is not a range such as 10..20, 10.. or ..20", quoted(text));
  };
  if (dots == std::string_view::npos) return wrong();
  const auto first = text.substr(0, dots), last = text.substr(dots + 2);
  BlockRange range;
  if (!first.empty()) {
    const auto start = whole_number(first);
    if (!start) return wrong();
    range.start = *start;
  }
  if (!last.empty()) {
    range.end = whole_number(last);
    if (!range.end) return wrong();
  }
  if (range.end && *range.end < range.start) return bad("{} ends before it starts", quoted(text));
  return range;
}

std::string to_text(const BlockRange& range) {
  return fmt::format("{}..{}", range.start, range.end ? std::to_string(*range.end) : "");
}

Parsed<std::string> parse_contact(std::string_view text) {
  const auto split = split_host_port(text);
  if (!split || !is_host(split->host)) {
    return bad("{} is not HOST:PORT such as 192.0.2.7:49737", quoted(text));
  }
  if (split->port == 0) return bad("{} has port 0, which nobody listens on", quoted(text));
  return std::string(text);
}

Parsed<Endpoint> parse_listen(std::string_view text) {
  const auto split = split_host_port(text);
  const auto host = !split ? "" : split->host.empty() ? "0.0.0.0" : split->host;
  const auto ip = parse_ipv4(host == "localhost" ? "127.0.0.1" : host);
  if (!split || !ip) {
    return bad("{} is not ADDRESS:PORT such as 0.0.0.0:49737 or 127.0.0.1:0", quoted(text));
  }
  return Endpoint{*ip, split->port};
}

Parsed<Bytes32> parse_key_text(std::string_view text) {
  const auto key = parse_key(text);
  if (key) return *key;
  return bad("{} is not a key: neither 52 letters of z32, 64 hex digits, hyper://… nor pear://…",
             quoted(text));
}

Parsed<std::string> parse_feed_text(std::string_view text) {
  if (text.starts_with("key:")) {
    const auto key = parse_key_text(text.substr(4));
    if (!key) return tl::unexpected<std::string>(key.error());
  }
  const bool scheme = text.starts_with("hyper://") || text.starts_with("pear://");
  if (scheme && !parse_key(text)) return bad("{} holds no key behind its ://", quoted(text));
  if (text.empty() || text == "name:") return bad("the name of a feed cannot be empty");
  return std::string(text);
}

Parsed<std::string> parse_topic_text(std::string_view text) {
  if (text.starts_with("topic:")) {
    const auto key = from_z32(text.substr(6));
    if (!key || key->size() != 32) {
      return bad("{} is not topic: with the 52 letters of a private topic", quoted(text));
    }
  }
  if (text.starts_with("id:")) {
    const auto id = from_hex(text.substr(3));
    if (!id || id->size() != 32) return bad("{} is not id: with 64 hex digits", quoted(text));
  }
  if (text.empty()) return bad("the name of a topic cannot be empty");
  return std::string(text);
}

Parsed<std::string> parse_since(std::string_view text) {
  const bool word = text == "start" || text == "new";
  const bool last = text.starts_with("last:") && whole_number(text.substr(5));
  if (word || last || whole_number(text) || parse_duration(text)) return std::string(text);
  return bad("{} is none of start, new, last:N, a sequence number or a duration such as 1h",
             quoted(text));
}

Parsed<std::string> parse_text(std::string_view text) {
  if (text.empty()) return bad("the value cannot be empty");
  return std::string(text);
}

}  // namespace cip::cli
