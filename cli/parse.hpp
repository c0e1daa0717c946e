#pragma once

// Values as users type them. Each function gives the value, or the sentence that says why the text
// is none and how one looks; the caller puts the flag's name in front.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"

namespace cip::cli {

template <typename T>
using Parsed = tl::expected<T, std::string>;

// 500ms, 2s, 1.5h, 3min, 7d; a bare 0. Other bare numbers are refused: a unit says what was meant.
Parsed<Duration> parse_duration(std::string_view text);

// 100, 64k, 5M, 1G: bytes; units are powers of 1024, a B or iB behind them is accepted.
Parsed<std::uint64_t> parse_size(std::string_view text);

// A whole number in decimal, at most 2^53 - 1: more cannot be told to others.
Parsed<std::uint64_t> parse_count(std::string_view text);

// true, yes, on, 1 and their opposites.
Parsed<bool> parse_switch(std::string_view text);

// Blocks from `start` up to, not including, `end`; without `end`: to the last one.
struct BlockRange {
  std::uint64_t start = 0;
  std::optional<std::uint64_t> end;
};
// A..B, A.., ..B
Parsed<BlockRange> parse_range(std::string_view text);
std::string to_text(const BlockRange& range);

// HOST:PORT to connect to: a name or an IPv4 address and a port that is not 0. Given back as typed:
// names are resolved when they are used.
Parsed<std::string> parse_contact(std::string_view text);
// A contact, or the key of a node. Given back as typed.
Parsed<std::string> parse_peer(std::string_view text);
// HOST:PORT to listen on: an IPv4 address, `localhost` or nothing (all interfaces), any port.
Parsed<Endpoint> parse_listen(std::string_view text);

// A key in any of its forms.
Parsed<Bytes32> parse_key_text(std::string_view text);
// A key, or `key:` and a key, or a name, or `name:` and a name. Given back as typed.
Parsed<std::string> parse_feed_text(std::string_view text);
// A name that a feed may get.
Parsed<std::string> parse_new_feed_name(std::string_view text);
// A name, `topic:` and a z32 key, or `id:` and 64 hex digits. Given back as typed.
Parsed<std::string> parse_topic_text(std::string_view text);
// start, new, last:N, a sequence number or a duration. Given back as typed.
Parsed<std::string> parse_since(std::string_view text);
// A name that nobody but its user gives a meaning: of a key, a cursor, a network. JSON takes UTF-8
// alone: two names of other bytes would be one to the node.
Parsed<std::string> parse_label(std::string_view text);
// Any text that is not empty.
Parsed<std::string> parse_text(std::string_view text);

}  // namespace cip::cli
