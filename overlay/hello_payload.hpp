#pragma once

// What the Noise messages of a hello carry (dht.md 12 "Payload"), and the trailer that names TCP
// endpoints (18.1). The known fields are those of npm hyperdht:
//
//   uint version (1) || uint flags || uint error || uint firewall
//   [1 holepunch]       uint id, array of { relay addr4, peer addr4 }
//   [2 addresses4]      array<addr4>            [4 addresses6]  array<addr6>
//   [8 udx]             uint 1, uint features (1 reusable), uint stream id, uint seq
//   [16 secretStream]   uint 1
//   [32 relayThrough]   uint 1, uint 0, public key 32, token 32
//   [64 relayAddresses] array<addr4>
//
// and behind them, found from the end:
//
//   entries (tcp_entries.hpp) || u16 length of entries || "cipnode" 01

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "overlay/tcp_entries.hpp"
#include "overlay/transport/punch_offer.hpp"

namespace cip::overlay {

struct HolepunchInfo {
  std::uint64_t id = 0;
  std::vector<HolepunchRelay> relays;
  bool operator==(const HolepunchInfo&) const = default;
};
struct UdxInfo {
  bool reusable_socket = false;
  std::uint64_t id = 0;
  std::uint64_t seq = 0;
  bool operator==(const UdxInfo&) const = default;
};
struct RelayThrough {
  PublicKey public_key{};
  Bytes32 token{};
  bool operator==(const RelayThrough&) const = default;
};

struct HelloPayload {
  std::uint64_t version = 1;
  std::uint64_t error = 0;     // dht::HelloError, or a number of a later version
  std::uint64_t firewall = 0;  // dht::Firewall, likewise
  std::optional<HolepunchInfo> holepunch;
  std::vector<Endpoint> addresses4;
  std::vector<Endpoint6> addresses6;
  std::optional<UdxInfo> udx;
  bool secret_stream = false;
  std::optional<RelayThrough> relay_through;
  std::optional<std::vector<Endpoint>> relay_addresses;
  std::optional<TcpTrailer> tcp;
  bool operator==(const HelloPayload&) const = default;

  // Names a stream over UDX whose id a packet can carry (udx.md 2).
  bool offers_udx() const;
  // Everybody can call where it is seen.
  bool says_open() const;
};

Bytes encode_hello_payload(const HelloPayload& payload);
// None when the known fields do not decode. With a version other than 1 only that is filled. A
// trailer that does not parse counts as absent.
std::optional<HelloPayload> decode_hello_payload(ByteView bytes);

}  // namespace cip::overlay
