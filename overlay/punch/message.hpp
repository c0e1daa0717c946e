#pragma once

// What both sides of a holepunch tell each other by way of a relay, and its sealing (dht.md 14):
//
//   flags u8 (1 connected, 2 punching, 4 addresses, 8 remoteAddress, 16 token, 32 remoteToken)
//   error uint, firewall uint, round uint
//   [addresses array<addr4>] [remoteAddress addr4] [token fixed32] [remoteToken fixed32]
//
// sealed: nonce (24) || XSalsa20-Poly1305 (secretbox) under H(handshake hash, NS_PEER_HOLEPUNCH).

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "base/random.hpp"

namespace cip::overlay {

// A side names the places at which its socket was seen; a longer message is malformed.
inline constexpr std::size_t kMaxPunchAddresses = 16;

struct PunchMessage {
  std::uint64_t error = 0;     // dht::HelloError
  std::uint64_t firewall = 0;  // dht::Firewall, of the sender
  std::uint64_t round = 0;
  bool connected = false;
  bool punching = false;
  std::vector<Endpoint> addresses;         // the sender's; empty: not known yet
  std::optional<Endpoint> remote_address;  // the receiver's, to which a near probe was sent
  std::optional<Bytes32> token;            // for the receiver to give back
  std::optional<Bytes32> remote_token;     // the receiver's, given back

  bool operator==(const PunchMessage&) const = default;
};

Bytes encode_punch_message(const PunchMessage& message);
std::optional<PunchMessage> decode_punch_message(ByteView bytes);

// The key that both sides of a hello seal with; relays of the hello can compute it (dht.md 20, 8).
Bytes32 punch_key(const Bytes64& handshake_hash);

Bytes seal_punch_message(const PunchMessage& message, const Bytes32& key, Random& random);
// None: sealed with another key, or malformed.
std::optional<PunchMessage> open_punch_message(ByteView sealed, const Bytes32& key);

// Shows that somebody reads what is sent to this address. `secret` is random for each attempt.
Bytes32 punch_token(const Bytes32& secret, std::uint32_t ip);

}  // namespace cip::overlay
