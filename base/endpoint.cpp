#include "base/endpoint.hpp"

#include <fmt/format.h>

#include <charconv>

namespace cip {
inline namespace base {
namespace {

// A decimal number without sign or leading zeros, at most `max`.
Result<std::uint32_t> parse_decimal(std::string_view text, std::uint32_t max) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || value > max || (text.size() > 1 && text[0] == '0')) return fail(Errc::bad_endpoint);
  return value;
}

}  // namespace

Result<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t ip = 0;
  for (int part = 0; part < 4; ++part) {
    const auto dot = part < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return fail(Errc::bad_endpoint);
    const auto value = parse_decimal(text.substr(0, dot), 255);
    if (!value) return fail(Errc::bad_endpoint);
    ip = ip << 8 | *value;
    text.remove_prefix(part < 3 ? dot + 1 : dot);
  }
  return ip;
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(Errc::bad_endpoint);
  const auto ip = parse_ipv4(text.substr(0, colon));
  const auto port = parse_decimal(text.substr(colon + 1), 65535);
  if (!ip || !port) return fail(Errc::bad_endpoint);
  return Endpoint{*ip, static_cast<std::uint16_t>(*port)};
}

std::string ipv4_text(std::uint32_t ip) {
  return fmt::format("{}.{}.{}.{}", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

std::string to_string(Endpoint endpoint) {
  return fmt::format("{}:{}", ipv4_text(endpoint.ip), endpoint.port);
}

}  // namespace base
}  // namespace cip
