#include "dht/message.hpp"

#include "base/codec.hpp"

namespace cip::dht {
namespace {

constexpr std::uint8_t kRequestType = 0x03;  // version 3, type 0
constexpr std::uint8_t kReplyType = 0x13;    // version 3, type 1
constexpr std::uint8_t kUdxMagic = 0xff;
constexpr std::uint8_t kUdxVersion = 0x01;
constexpr std::size_t kUdxHeaderSize = 20;
constexpr std::size_t kFixedSize = 2 + 2 + 6;  // type, flags, tid, to
constexpr std::size_t kAddressSize = 6;

// Frozen: flags of both datagrams, then those of each.
constexpr std::uint8_t kHasId = 1;
constexpr std::uint8_t kHasToken = 2;
constexpr std::uint8_t kIsInternal = 4;
constexpr std::uint8_t kHasTarget = 8;
constexpr std::uint8_t kHasCloser = 4;
constexpr std::uint8_t kHasError = 8;
constexpr std::uint8_t kHasValue = 16;

std::uint8_t flag(bool set, std::uint8_t bit) { return set ? bit : std::uint8_t{0}; }

std::uint8_t flags_of(const Request& request) {
  return static_cast<std::uint8_t>(
      flag(request.id.has_value(), kHasId) | flag(request.token.has_value(), kHasToken) |
      flag(request.internal, kIsInternal) | flag(request.target.has_value(), kHasTarget) |
      flag(request.value.has_value(), kHasValue));
}

std::uint8_t flags_of(const Reply& reply) {
  return static_cast<std::uint8_t>(
      flag(reply.id.has_value(), kHasId) | flag(reply.token.has_value(), kHasToken) |
      flag(!reply.closer.empty(), kHasCloser) | flag(reply.error != 0, kHasError) |
      flag(reply.value.has_value(), kHasValue));
}

template <typename T>
void write_head(Writer& out, std::uint8_t type, const T& message) {
  out.u8(type);
  out.u8(flags_of(message));
  out.u16(message.tid);
  out.addr4(message.to);
  if (message.id) out.raw(message.id->bytes);
  if (message.token) out.raw(*message.token);
}

template <typename T>
void read_head(Reader& in, std::uint64_t flags, T& message) {
  message.tid = in.u16();
  message.to = in.addr4();
  if ((flags & kHasId) != 0) message.id = NodeId{in.fixed32()};
  if ((flags & kHasToken) != 0) message.token = in.fixed32();
}

std::size_t value_size(const std::optional<Bytes>& value) {
  return value ? uint_size(value->size()) + value->size() : 0;
}

std::optional<Message> decode_request(Reader& in) {
  Request request;
  const std::uint64_t flags = in.uint();
  read_head(in, flags, request);
  request.internal = (flags & kIsInternal) != 0;
  request.command = in.uint();
  if ((flags & kHasTarget) != 0) request.target = in.fixed32();
  if ((flags & kHasValue) != 0) request.value = to_bytes(in.buffer());
  if (!in.ok()) return std::nullopt;
  return request;
}

std::optional<Message> decode_reply(Reader& in) {
  Reply reply;
  const std::uint64_t flags = in.uint();
  read_head(in, flags, reply);
  if ((flags & kHasCloser) != 0) {
    const std::size_t n = in.count(kAddressSize);
    reply.closer.reserve(n);
    for (std::size_t i = 0; i < n; ++i) reply.closer.push_back(in.addr4());
  }
  if ((flags & kHasError) != 0) reply.error = in.uint();
  if ((flags & kHasValue) != 0) reply.value = to_bytes(in.buffer());
  if (!in.ok()) return std::nullopt;
  return reply;
}

}  // namespace

std::size_t encoded_size(const Request& request) {
  return kFixedSize + (request.id ? 32 : 0) + (request.token ? 32 : 0) +
         uint_size(request.command) + (request.target ? 32 : 0) + value_size(request.value);
}

std::size_t encoded_size(const Reply& reply) {
  const std::size_t n = reply.closer.size();
  return kFixedSize + (reply.id ? 32 : 0) + (reply.token ? 32 : 0) +
         (n > 0 ? uint_size(n) + n * kAddressSize : 0) +
         (reply.error != 0 ? uint_size(reply.error) : 0) + value_size(reply.value);
}

Bytes encode_message(const Request& request, Bytes used) {
  Writer out(std::move(used), encoded_size(request));
  write_head(out, kRequestType, request);
  out.uint(request.command);
  if (request.target) out.raw(*request.target);
  if (request.value) out.buffer(*request.value);
  return out.take();
}

Bytes encode_message(const Reply& reply, Bytes used) {
  Writer out(std::move(used), encoded_size(reply));
  write_head(out, kReplyType, reply);
  if (!reply.closer.empty()) {
    out.uint(reply.closer.size());
    out.addr4s(reply.closer);
  }
  if (reply.error != 0) out.uint(reply.error);
  if (reply.value) out.buffer(*reply.value);
  return out.take();
}

Bytes encode_message(const Message& message, Bytes used) {
  return std::visit([&](const auto& either) { return encode_message(either, std::move(used)); },
                    message);
}

std::optional<Message> decode_message(ByteView datagram) {
  Reader in(datagram);
  switch (in.u8()) {
    case kRequestType:
      return decode_request(in);
    case kReplyType:
      return decode_reply(in);
    default:
      return std::nullopt;
  }
}

DatagramKind classify_datagram(ByteView datagram) {
  if (datagram.empty()) return DatagramKind::unknown;
  if (datagram.size() == 1) return DatagramKind::probe;
  if (datagram[0] == kRequestType) return DatagramKind::request;
  if (datagram[0] == kReplyType) return DatagramKind::reply;
  const bool udx =
      datagram[0] == kUdxMagic && datagram[1] == kUdxVersion && datagram.size() >= kUdxHeaderSize;
  return udx ? DatagramKind::udx : DatagramKind::unknown;
}

}  // namespace cip::dht
