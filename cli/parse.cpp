#include "cli/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/duration.hpp"
#include "base/host_port.hpp"
#include "base/text.hpp"
#include "node/names.hpp"

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

constexpr std::array kSizeUnits = {Unit{"", 1}, Unit{"k", 1024.0}, Unit{"m", 1024.0 * 1024},
                                   Unit{"g", 1024.0 * 1024 * 1024},
                                   Unit{"t", 1024.0 * 1024 * 1024 * 1024}};
// Largest number taken: what JSON and the peers' numbers carry exactly (2^53 - 1).
constexpr std::uint64_t kLargestNumber = (std::uint64_t{1} << 53) - 1;
constexpr double kLargestSize = static_cast<double>(kLargestNumber);

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
  if (value > kLargestNumber) return std::nullopt;
  return value;
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Why `text` is no HOST:PORT.
std::string host_port_problem(std::string_view text, HostPortFault fault) {
  switch (fault) {
    case HostPortFault::ipv6:
      return fmt::format("{} is no IPv4 address or name with a port: IPv6 is not spoken",
                         quoted(text));
    case HostPortFault::no_port:
      return fmt::format("{} has no port", quoted(text));
    case HostPortFault::bad_port:
      return fmt::format("the port of {} is not a number up to 65535, without leading zeros",
                         quoted(text));
    case HostPortFault::bad_host:
      break;
  }
  return fmt::format("the host of {} is neither an IPv4 address nor a name", quoted(text));
}

}  // namespace

Parsed<Duration> parse_duration(std::string_view text) {
  const auto duration = base::parse_duration(text);
  if (duration) return *duration;
  if (duration.error() == Errc::out_of_range) return bad("{} is too long a duration", quoted(text));
  return bad("{} is not a duration such as 500ms, 2s, 10m or 1h", quoted(text));
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
  if (!value && is_digits(text)) return bad("{} is too large: at most 2^53 - 1", quoted(text));
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
  if (!split) return bad("{}; write HOST:PORT", host_port_problem(text, split.error()));
  if (split->host.empty()) return bad("{} has no host; write HOST:PORT", quoted(text));
  if (split->port == 0) return bad("{} has port 0, which nobody listens on", quoted(text));
  return std::string(text);
}

Parsed<std::string> parse_peer(std::string_view text) {
  if (parse_key(text)) return std::string(text);
  const auto contact = parse_contact(text);
  if (contact) return contact;
  return bad("{}, or the key of a node", contact.error());
}

Parsed<Endpoint> parse_listen(std::string_view text) {
  constexpr std::string_view kForm = "write ADDRESS:PORT, such as 0.0.0.0:49737 or 127.0.0.1:0";
  const auto split = split_host_port(text);
  if (!split) return bad("{}; {}", host_port_problem(text, split.error()), kForm);
  const auto host = split->host.empty() ? "0.0.0.0" : split->host;
  const auto ip = parse_ipv4(host == "localhost" ? "127.0.0.1" : host);
  if (!ip) return bad("{} does not begin with an address of this machine; {}", quoted(text), kForm);
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
  const bool named = !text.starts_with("topic:") && !text.starts_with("id:");
  const auto fault = named ? node::topic_name_fault(text) : std::nullopt;
  if (fault) return bad("{}: {}", quoted(text), *fault);
  return std::string(text);
}

Parsed<std::string> parse_new_feed_name(std::string_view text) {
  if (const auto fault = node::feed_name_fault(text)) return bad("{}: {}", quoted(text), *fault);
  return std::string(text);
}

Parsed<std::string> parse_since(std::string_view text) {
  const bool word = text == "start" || text == "new" || text == "now";
  const bool last = text.starts_with("last:") && whole_number(text.substr(5));
  if (word || last || whole_number(text) || parse_duration(text)) return std::string(text);
  return bad("{} is none of start, new, last:N, a sequence number or a duration such as 1h",
             quoted(text));
}

Parsed<std::string> parse_label(std::string_view text) {
  if (text.empty()) return bad("the value cannot be empty");
  if (!is_utf8(bytes_of(text))) return bad("{}: a name is UTF-8 text", quoted(text));
  return std::string(text);
}

Parsed<std::string> parse_text(std::string_view text) {
  if (text.empty()) return bad("the value cannot be empty");
  return std::string(text);
}

}  // namespace cip::cli
