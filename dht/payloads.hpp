#pragma once

// Values inside requests and replies of the hyperdht commands (dht.md 10). A flags field is read as
// uint and written as one byte; decoders ignore trailing bytes and unknown flags, and give nothing
// for what ends early.
//
//   peer          publicKey fixed32, relayAddresses array<addr4>
//   lookup reply  array<peer>, bump uint (may be missing: 0)
//   announce      flags (1 peer, 2 refresh, 4 signature, 8 bump),
//                 [peer] [refresh fixed32] [signature fixed64] [bump uint]
//   mutable put   publicKey fixed32, seq uint, value buffer, signature fixed64
//   mutable value seq uint, value buffer, signature fixed64
//   handshake     flags (1 peerAddress, 2 relayAddress), mode uint, noise buffer,
//                 [peerAddress addr4] [relayAddress addr4]
//   holepunch     flags (1 peerAddress), mode uint, id uint, payload buffer, [peerAddress addr4]

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "dht/commands.hpp"

namespace cip::dht {

struct Peer {
  PublicKey public_key{};
  std::vector<Endpoint> relay_addresses;

  bool operator==(const Peer&) const = default;
};
Bytes encode_peer(const Peer& peer);
std::optional<Peer> decode_peer(ByteView bytes);

struct LookupReply {
  std::vector<Peer> peers;
  std::uint64_t bump = 0;  // unix milliseconds

  bool operator==(const LookupReply&) const = default;
};
Bytes encode_lookup_reply(const LookupReply& reply);
std::optional<LookupReply> decode_lookup_reply(ByteView bytes);

// The value of announce and unannounce requests.
struct AnnounceValue {
  std::optional<Peer> peer;
  std::optional<Bytes32> refresh;
  std::optional<Signature> signature;
  std::uint64_t bump = 0;  // left out when 0

  bool operator==(const AnnounceValue&) const = default;
};
Bytes encode_announce(const AnnounceValue& announce);
std::optional<AnnounceValue> decode_announce(ByteView bytes);

struct MutableValue {
  std::uint64_t seq = 0;
  Bytes value;
  Signature signature{};

  bool operator==(const MutableValue&) const = default;
};
Bytes encode_mutable_value(const MutableValue& value);
std::optional<MutableValue> decode_mutable_value(ByteView bytes);

struct MutablePut {
  PublicKey public_key{};
  MutableValue signed_value;

  bool operator==(const MutablePut&) const = default;
};
Bytes encode_mutable_put(const MutablePut& put);
std::optional<MutablePut> decode_mutable_put(ByteView bytes);

// The value of peer_handshake requests and replies: one step of a hello.
struct HandshakeValue {
  RelayMode mode = RelayMode::from_client;
  Bytes noise;
  std::optional<Endpoint> peer_address;
  std::optional<Endpoint> relay_address;

  bool operator==(const HandshakeValue&) const = default;
};
Bytes encode_handshake(const HandshakeValue& handshake);
// Nothing for a mode that is not known.
std::optional<HandshakeValue> decode_handshake(ByteView bytes);

struct HolepunchValue {
  RelayMode mode = RelayMode::from_client;
  std::uint64_t id = 0;  // the server's number of this attempt
  Bytes payload;         // sealed, opaque to relays
  std::optional<Endpoint> peer_address;

  bool operator==(const HolepunchValue&) const = default;
};
Bytes encode_holepunch(const HolepunchValue& holepunch);
std::optional<HolepunchValue> decode_holepunch(ByteView bytes);

// Values of one field: the seq of mutable_get, the port of ping_nat (never 0), the address of
// down_hint, the delay of delayed_ping in milliseconds (at most kMaxDelayedPingMs).
Bytes encode_seq(std::uint64_t seq);
std::optional<std::uint64_t> decode_seq(ByteView bytes);
Bytes encode_port(std::uint16_t port);
std::optional<std::uint16_t> decode_port(ByteView bytes);
Bytes encode_address(Endpoint address);
std::optional<Endpoint> decode_address(ByteView bytes);
Bytes encode_delay(std::uint32_t delay_ms);
std::optional<std::uint32_t> decode_delay(ByteView bytes);

}  // namespace cip::dht
