#pragma once

// Text forms of bytes: hex, z-base-32, and the ways users write keys.

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace cip {
inline namespace base {

std::string to_hex(ByteView bytes);
Result<Bytes> from_hex(std::string_view text);

// z-base-32, alphabet ybndrfg8ejkmcpqxot1uwisza345h769, most significant bit first. 32 bytes give
// 52 letters; the last holds one bit and four zeros.
std::string to_z32(ByteView bytes);
Result<Bytes> from_z32(std::string_view text);

// A key as users write it: z32 (52 letters), hex (64 digits), hyper://KEY[/...] or
// pear://KEY[/...].
Result<Bytes32> parse_key(std::string_view text);

// Bytes of others for a terminal: control characters and bytes that are not UTF-8 as \xNN.
std::string escape_for_terminal(std::string_view text);
bool is_utf8(ByteView bytes);

}  // namespace base
}  // namespace cip
