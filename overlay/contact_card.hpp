#pragma once

// The contact card: where the holder of a key can be dialled, for peers that no hello reaches
// (dht.md 18.3). It is a mutable value under the identity key itself:
//
//   "cipnode" 01 || entries (tcp_entries.hpp), and among them
//     4 expiry, uint seconds since 1970
//
// Its seq is the time of writing in milliseconds since 1970. The signature of the mutable value
// covers it, so whoever holds the key wrote it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "overlay/tcp_entries.hpp"

namespace cip::overlay {

// No card counts for longer than storing nodes keep it.
inline constexpr auto kLongestCardLife = std::chrono::hours(48);

struct ContactCard {
  TcpTrailer tcp;
  std::uint64_t expiry = 0;  // seconds since 1970; 0 when the card names none: long past
  bool operator==(const ContactCard&) const = default;

  // Until when it counts for somebody who reads it now.
  UnixMillis until(Now now) const;
  bool is_current(Now now) const { return now.wall < until(now); }
};

// Whether a value under an identity key is a card, by its magic; else it belongs to another
// application and is left alone.
bool is_contact_card(ByteView value);

Bytes encode_contact_card(const ContactCard& card);
// None when it is no card, or an entry does not decode.
std::optional<ContactCard> decode_contact_card(ByteView value);

}  // namespace cip::overlay
