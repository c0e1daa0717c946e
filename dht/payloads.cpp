#include "dht/payloads.hpp"

#include "base/codec.hpp"

namespace cip::dht {
namespace {

constexpr std::size_t kAddressSize = 6;
constexpr std::size_t kSmallestPeer = 32 + 1;

// Frozen flags.
constexpr std::uint8_t kAnnouncePeer = 1;
constexpr std::uint8_t kAnnounceRefresh = 2;
constexpr std::uint8_t kAnnounceSignature = 4;
constexpr std::uint8_t kAnnounceBump = 8;
constexpr std::uint8_t kPeerAddress = 1;
constexpr std::uint8_t kRelayAddress = 2;

std::uint8_t flag(bool set, std::uint8_t bit) { return set ? bit : std::uint8_t{0}; }

void write_peer(Writer& out, const Peer& peer) {
  out.raw(peer.public_key);
  out.uint(peer.relay_addresses.size());
  for (const auto address : peer.relay_addresses) out.addr4(address);
}

Peer read_peer(Reader& in) {
  Peer peer;
  peer.public_key = in.fixed32();
  const std::size_t n = in.count(kAddressSize);
  peer.relay_addresses.reserve(n);
  for (std::size_t i = 0; i < n; ++i) peer.relay_addresses.push_back(in.addr4());
  return peer;
}

void write_mutable(Writer& out, const MutableValue& value) {
  out.uint(value.seq);
  out.buffer(value.value);
  out.raw(value.signature);
}

MutableValue read_mutable(Reader& in) {
  MutableValue value;
  value.seq = in.uint();
  value.value = to_bytes(in.buffer());
  value.signature = in.fixed64();
  return value;
}

RelayMode read_mode(Reader& in) {
  const std::uint64_t mode = in.uint();
  if (mode > static_cast<std::uint64_t>(RelayMode::reply)) in.fail();
  return static_cast<RelayMode>(mode);
}

// The value if everything before it could be read.
template <typename T>
std::optional<T> whole(const Reader& in, T&& value) {
  if (!in.ok()) return std::nullopt;
  return std::forward<T>(value);
}

}  // namespace

Bytes encode_peer(const Peer& peer) {
  Writer out(kSmallestPeer + peer.relay_addresses.size() * kAddressSize);
  write_peer(out, peer);
  return out.take();
}

std::optional<Peer> decode_peer(ByteView bytes) {
  Reader in(bytes);
  return whole(in, read_peer(in));
}

Bytes encode_lookup_reply(const LookupReply& reply) {
  Writer out;
  out.uint(reply.peers.size());
  for (const auto& peer : reply.peers) write_peer(out, peer);
  out.uint(reply.bump);
  return out.take();
}

std::optional<LookupReply> decode_lookup_reply(ByteView bytes) {
  Reader in(bytes);
  LookupReply reply;
  const std::size_t n = in.count(kSmallestPeer);
  reply.peers.reserve(n);
  for (std::size_t i = 0; i < n; ++i) reply.peers.push_back(read_peer(in));
  if (in.remaining() > 0) reply.bump = in.uint();  // older nodes end here
  return whole(in, std::move(reply));
}

Bytes encode_announce(const AnnounceValue& announce) {
  Writer out;
  out.u8(static_cast<std::uint8_t>(flag(announce.peer.has_value(), kAnnouncePeer) |
                                   flag(announce.refresh.has_value(), kAnnounceRefresh) |
                                   flag(announce.signature.has_value(), kAnnounceSignature) |
                                   flag(announce.bump != 0, kAnnounceBump)));
  if (announce.peer) write_peer(out, *announce.peer);
  if (announce.refresh) out.raw(*announce.refresh);
  if (announce.signature) out.raw(*announce.signature);
  if (announce.bump != 0) out.uint(announce.bump);
  return out.take();
}

std::optional<AnnounceValue> decode_announce(ByteView bytes) {
  Reader in(bytes);
  AnnounceValue announce;
  const std::uint64_t flags = in.uint();
  if ((flags & kAnnouncePeer) != 0) announce.peer = read_peer(in);
  if ((flags & kAnnounceRefresh) != 0) announce.refresh = in.fixed32();
  if ((flags & kAnnounceSignature) != 0) announce.signature = in.fixed64();
  if ((flags & kAnnounceBump) != 0) announce.bump = in.uint();
  return whole(in, std::move(announce));
}

Bytes encode_mutable_value(const MutableValue& value) {
  Writer out;
  write_mutable(out, value);
  return out.take();
}

std::optional<MutableValue> decode_mutable_value(ByteView bytes) {
  Reader in(bytes);
  return whole(in, read_mutable(in));
}

Bytes encode_mutable_put(const MutablePut& put) {
  Writer out;
  out.raw(put.public_key);
  write_mutable(out, put.signed_value);
  return out.take();
}

std::optional<MutablePut> decode_mutable_put(ByteView bytes) {
  Reader in(bytes);
  MutablePut put;
  put.public_key = in.fixed32();
  put.signed_value = read_mutable(in);
  return whole(in, std::move(put));
}

Bytes encode_handshake(const HandshakeValue& handshake) {
  Writer out;
  out.u8(static_cast<std::uint8_t>(flag(handshake.peer_address.has_value(), kPeerAddress) |
                                   flag(handshake.relay_address.has_value(), kRelayAddress)));
  out.uint(static_cast<std::uint64_t>(handshake.mode));
  out.buffer(handshake.noise);
  if (handshake.peer_address) out.addr4(*handshake.peer_address);
  if (handshake.relay_address) out.addr4(*handshake.relay_address);
  return out.take();
}

std::optional<HandshakeValue> decode_handshake(ByteView bytes) {
  Reader in(bytes);
  HandshakeValue handshake;
  const std::uint64_t flags = in.uint();
  handshake.mode = read_mode(in);
  handshake.noise = to_bytes(in.buffer());
  if ((flags & kPeerAddress) != 0) handshake.peer_address = in.addr4();
  if ((flags & kRelayAddress) != 0) handshake.relay_address = in.addr4();
  return whole(in, std::move(handshake));
}

Bytes encode_holepunch(const HolepunchValue& holepunch) {
  Writer out;
  out.u8(flag(holepunch.peer_address.has_value(), kPeerAddress));
  out.uint(static_cast<std::uint64_t>(holepunch.mode));
  out.uint(holepunch.id);
  out.buffer(holepunch.payload);
  if (holepunch.peer_address) out.addr4(*holepunch.peer_address);
  return out.take();
}

std::optional<HolepunchValue> decode_holepunch(ByteView bytes) {
  Reader in(bytes);
  HolepunchValue holepunch;
  const std::uint64_t flags = in.uint();
  holepunch.mode = read_mode(in);
  holepunch.id = in.uint();
  holepunch.payload = to_bytes(in.buffer());
  if ((flags & kPeerAddress) != 0) holepunch.peer_address = in.addr4();
  return whole(in, std::move(holepunch));
}

Bytes encode_seq(std::uint64_t seq) {
  Writer out;
  out.uint(seq);
  return out.take();
}

std::optional<std::uint64_t> decode_seq(ByteView bytes) {
  Reader in(bytes);
  return whole(in, in.uint());
}

Bytes encode_port(std::uint16_t port) {
  Writer out;
  out.u16(port);
  return out.take();
}

std::optional<std::uint16_t> decode_port(ByteView bytes) {
  Reader in(bytes);
  const auto port = in.u16();
  if (port == 0) return std::nullopt;
  return port;
}

Bytes encode_address(Endpoint address) {
  Writer out;
  out.addr4(address);
  return out.take();
}

std::optional<Endpoint> decode_address(ByteView bytes) {
  Reader in(bytes);
  return whole(in, in.addr4());
}

Bytes encode_delay(std::uint32_t delay_ms) {
  Writer out;
  out.u32(delay_ms);
  return out.take();
}

std::optional<std::uint32_t> decode_delay(ByteView bytes) {
  Reader in(bytes);
  const auto delay_ms = in.u32();
  if (!in.ok() || delay_ms > kMaxDelayedPingMs) return std::nullopt;
  return delay_ms;
}

}  // namespace cip::dht
