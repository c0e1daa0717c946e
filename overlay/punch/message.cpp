#include "overlay/punch/message.hpp"

#include <sodium.h>

#include "base/codec.hpp"
#include "overlay/tcp_entries.hpp"

namespace cip::overlay {
namespace {

enum PunchFlag : std::uint8_t {
  kConnected = 1,
  kPunching = 2,
  kAddresses = 4,
  kRemoteAddress = 8,
  kToken = 16,
  kRemoteToken = 32,
};

std::uint8_t flags_of(const PunchMessage& message) {
  const auto bit = [](bool set, PunchFlag flag) { return set ? flag : 0; };
  return static_cast<std::uint8_t>(
      bit(message.connected, kConnected) | bit(message.punching, kPunching) |
      bit(!message.addresses.empty(), kAddresses) |
      bit(message.remote_address.has_value(), kRemoteAddress) |
      bit(message.token.has_value(), kToken) | bit(message.remote_token.has_value(), kRemoteToken));
}

}  // namespace

Bytes encode_punch_message(const PunchMessage& message) {
  Writer out;
  out.u8(flags_of(message));
  out.uint(message.error);
  out.uint(message.firewall);
  out.uint(message.round);
  if (!message.addresses.empty()) {
    out.uint(message.addresses.size());
    out.addr4s(message.addresses);
  }
  if (message.remote_address) out.addr4(*message.remote_address);
  if (message.token) out.raw(*message.token);
  if (message.remote_token) out.raw(*message.remote_token);
  return out.take();
}

std::optional<PunchMessage> decode_punch_message(ByteView bytes) {
  Reader in(bytes);
  PunchMessage message;
  const auto flags = in.u8();
  message.error = in.uint();
  message.firewall = in.uint();
  message.round = in.uint();
  message.connected = (flags & kConnected) != 0;
  message.punching = (flags & kPunching) != 0;
  if (flags & kAddresses) {
    const auto n = in.count(kAddr4Size, kMaxPunchAddresses);
    for (std::size_t i = 0; i < n; ++i) message.addresses.push_back(in.addr4());
  }
  if (flags & kRemoteAddress) message.remote_address = in.addr4();
  if (flags & kToken) message.token = in.fixed32();
  if (flags & kRemoteToken) message.remote_token = in.fixed32();
  if (!in.ok()) return std::nullopt;
  return message;
}

Bytes32 punch_key(const Bytes64& handshake_hash) {
  static const Bytes32 name = make_namespace("hyperswarm/dht", 1);
  return keyed_hash(handshake_hash, name);
}

Bytes seal_punch_message(const PunchMessage& message, const Bytes32& key, Random& random) {
  const auto plain = encode_punch_message(message);
  const auto nonce = random.bytes<crypto_secretbox_NONCEBYTES>();
  Bytes out(nonce.begin(), nonce.end());
  out.resize(nonce.size() + crypto_secretbox_MACBYTES + plain.size());
  crypto_secretbox_easy(out.data() + nonce.size(), plain.data(), plain.size(), nonce.data(),
                        key.data());
  return out;
}

std::optional<PunchMessage> open_punch_message(ByteView sealed, const Bytes32& key) {
  constexpr std::size_t kOverhead = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
  if (sealed.size() < kOverhead) return std::nullopt;
  const auto box = sealed.subspan(crypto_secretbox_NONCEBYTES);
  Bytes plain(sealed.size() - kOverhead);
  if (crypto_secretbox_open_easy(plain.data(), box.data(), box.size(), sealed.data(), key.data()) !=
      0) {
    return std::nullopt;
  }
  return decode_punch_message(plain);
}

Bytes32 punch_token(const Bytes32& secret, std::uint32_t ip) {
  return keyed_hash(secret, bytes_of(ipv4_text(ip)));
}

}  // namespace cip::overlay
