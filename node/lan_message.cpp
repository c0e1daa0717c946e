#include "node/lan_message.hpp"

#include "base/codec.hpp"
#include "base/crypto.hpp"

namespace cip::node {

namespace {
constexpr std::string_view kMagic = "cipnode-lan";
constexpr std::uint8_t kLanVersion = 1;
}  // namespace

LanNetwork lan_network(std::string_view label) {
  return first_bytes<8>(hash({bytes_of("cip/lan/1"), bytes_of(label)}));
}

Bytes encode_lan_message(const LanMessage& message) {
  Writer out(32);
  out.raw(bytes_of(kMagic));
  out.u8(kLanVersion);
  out.u8(static_cast<std::uint8_t>(message.kind));
  out.raw(message.network);
  out.raw(message.instance);
  out.u16(message.port);
  return out.take();
}

std::optional<LanMessage> decode_lan_message(ByteView datagram) {
  Reader in(datagram);
  const bool ours = equal(in.take(kMagic.size()), bytes_of(kMagic)) && in.u8() == kLanVersion;
  LanMessage message;
  message.kind = static_cast<LanKind>(in.u8());
  message.network = in.fixed<8>();
  message.instance = in.fixed<8>();
  message.port = in.u16();
  const bool known = message.kind == LanKind::announce || message.kind == LanKind::answer;
  if (!in.ok() || !ours || !known || message.port == 0) return std::nullopt;
  return message;
}

}  // namespace cip::node
