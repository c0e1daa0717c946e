#pragma once

// What nodes say to their neighbours on the local network (decisions.md D16). Frozen:
//
//   "cipnode-lan" (11) | version u8 (1) | kind u8 | network 8 | instance 8 | port u16
//
//   kind      1 announce (multicast), 2 answer (unicast, to whoever announced)
//   network   first 8 bytes of H("cip/lan/1" || network label): neighbours of other overlays are
//             told apart without the label being shown
//   instance  8 random bytes of the sender, by which it knows its own datagrams
//   port      of its UDP server socket; the address is that of the datagram

#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"

namespace cip::node {

// Site-local multicast that routers do not pass on (TTL 1), and a port beside the node's own.
inline constexpr Endpoint kLanGroup{0xefff4349, 49736};  // 239.255.67.73

enum class LanKind : std::uint8_t { announce = 1, answer = 2 };

using LanNetwork = FixedBytes<8>;
LanNetwork lan_network(std::string_view label);

struct LanMessage {
  LanKind kind = LanKind::announce;
  LanNetwork network{};
  FixedBytes<8> instance{};
  std::uint16_t port = 0;
};

Bytes encode_lan_message(const LanMessage& message);
// Trailing bytes are ignored; nothing for other versions, kinds, or port 0.
std::optional<LanMessage> decode_lan_message(ByteView datagram);

}  // namespace cip::node
