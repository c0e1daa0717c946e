#include "base/text.hpp"

#include <fmt/format.h>

#include <array>

namespace cip {
inline namespace base {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kZ32Letters = "ybndrfg8ejkmcpqxot1uwisza345h769";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of the UTF-8 sequence at the start of `text`, 0 when there is none.
std::size_t utf8_length(ByteView text) {
  const std::uint8_t head = text[0];
  if (head < 0x80) return 1;
  const std::size_t n = head >= 0xf0 && head < 0xf5 ? 4 : head >= 0xe0 ? 3 : head >= 0xc2 ? 2 : 0;
  if (n == 0 || head >= 0xf5 || text.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (head == 0xe0 && text[1] < 0xa0) || (head == 0xf0 && text[1] < 0x90);
  const bool surrogate = head == 0xed && text[1] >= 0xa0;
  const bool too_high = head == 0xf4 && text[1] >= 0x90;
  return overlong || surrogate || too_high ? 0 : n;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    out.push_back(kHexDigits[byte >> 4]);
    out.push_back(kHexDigits[byte & 15]);
  }
  return out;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return fail(Errc::bad_key_text);
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return fail(Errc::bad_key_text);
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return out;
}

std::string to_z32(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() * 8 + 4) / 5);
  std::uint32_t window = 0;
  int bits = 0;
  for (const auto byte : bytes) {
    window = window << 8 | byte;
    for (bits += 8; bits >= 5; bits -= 5) out.push_back(kZ32Letters[window >> (bits - 5) & 31]);
  }
  if (bits > 0) out.push_back(kZ32Letters[window << (5 - bits) & 31]);
  return out;
}

Result<Bytes> from_z32(std::string_view text) {
  Bytes out;
  out.reserve(text.size() * 5 / 8);
  std::uint32_t window = 0;
  int bits = 0;
  for (const char c : text) {
    const auto value = kZ32Letters.find(c);
    if (value == std::string_view::npos) return fail(Errc::bad_key_text);
    window = window << 5 | static_cast<std::uint32_t>(value);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(window >> bits));
    }
  }
  const bool padding_is_zero = (window & ((1u << bits) - 1)) == 0;
  if (bits >= 5 || !padding_is_zero) return fail(Errc::bad_key_text);
  return out;
}

Result<Bytes32> parse_key(std::string_view text) {
  for (const std::string_view scheme : {"hyper://", "pear://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    text = text.substr(0, text.find('/'));
    break;
  }
  const auto bytes = text.size() == 64 ? from_hex(text) : from_z32(text);
  if (!bytes || bytes->size() != 32) return fail(Errc::bad_key_text);
  return first_bytes<32>(*bytes);
}

bool is_utf8(ByteView bytes) {
  while (!bytes.empty()) {
    const auto n = utf8_length(bytes);
    if (n == 0) return false;
    bytes = bytes.subspan(n);
  }
  return true;
}

std::string escape_for_terminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto bytes = bytes_of(text);
    const auto n = utf8_length(bytes);
    const bool control =
        bytes[0] < 0x20 || bytes[0] == 0x7f || (n == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0);
    const bool plain = n > 0 && (!control || text[0] == '\t' || text[0] == '\n');
    if (plain) {
      out.append(text.substr(0, n));
    } else {
      for (const auto byte : bytes.first(n == 0 ? 1 : n)) out += fmt::format("\\x{:02x}", byte);
    }
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return out;
}

}  // namespace base
}  // namespace cip
