#include "overlay/feed_messages.hpp"

#include "base/codec.hpp"

namespace cip::overlay {
namespace {

constexpr std::uint64_t kPriorityFlag = 32;
// Room for the fields around a block.
constexpr std::size_t kDataHeadSize = 64;

std::size_t estimated_size(const store::Proof& proof) {
  constexpr std::size_t kNode = 50;
  std::size_t size = kDataHeadSize;
  if (proof.block) size += proof.block->value.size() + kNode * proof.block->nodes.size();
  if (proof.hash) size += kNode * proof.hash->nodes.size();
  if (proof.seek) size += kNode * proof.seek->nodes.size();
  if (proof.upgrade) {
    size += kNode * (proof.upgrade->nodes.size() + proof.upgrade->additional.size());
    size += proof.upgrade->signature.size();
  }
  return size;
}

template <typename T>
std::optional<T> checked(const Reader& in, T value) {
  if (!in.ok()) return std::nullopt;
  return value;
}

}  // namespace

Bytes32 feed_capability(const Bytes64& handshake_hash, const Bytes32& feed_key, Role sender) {
  static const Bytes32 initiator = make_namespace("hypercore", 1);
  static const Bytes32 responder = make_namespace("hypercore", 2);
  return keyed_hash(handshake_hash, {sender == Role::initiator ? initiator : responder, feed_key});
}

Bytes encode_feed_handshake(const FeedHandshake& message) {
  Writer out(33);
  out.uint(message.seeks ? 1 : 0);
  out.raw(message.capability);
  return out.take();
}

std::optional<FeedHandshake> decode_feed_handshake(ByteView bytes) {
  Reader in(bytes);
  FeedHandshake message;
  message.seeks = (in.uint() & 1) != 0;
  message.capability = in.fixed32();
  return checked(in, message);
}

Bytes encode_sync(const SyncMessage& message) {
  Writer out(28);
  out.uint((message.can_upgrade ? 1u : 0u) | (message.uploading ? 2u : 0u) |
           (message.downloading ? 4u : 0u) | (message.has_manifest ? 8u : 0u) |
           (message.accepts_push ? 16u : 0u));
  out.uint(message.fork);
  out.uint(message.length);
  out.uint(message.remote_length);
  return out.take();
}

std::optional<SyncMessage> decode_sync(ByteView bytes) {
  Reader in(bytes);
  SyncMessage message;
  const auto flags = in.uint();
  message.can_upgrade = (flags & 1) != 0;
  message.uploading = (flags & 2) != 0;
  message.downloading = (flags & 4) != 0;
  message.has_manifest = (flags & 8) != 0;
  message.accepts_push = (flags & 16) != 0;
  message.fork = in.uint();
  message.length = in.uint();
  message.remote_length = in.uint();
  return checked(in, message);
}

Bytes encode_request(const RequestMessage& message) {
  Writer out(32);
  out.uint(store::part_flags(message.wanted) | (message.priority != 0 ? kPriorityFlag : 0));
  out.uint(message.id);
  out.uint(message.wanted.fork);
  store::encode_parts(out, message.wanted);
  if (message.priority != 0) out.uint(message.priority);
  return out.take();
}

std::optional<RequestMessage> decode_request(ByteView bytes) {
  Reader in(bytes);
  RequestMessage message;
  const auto flags = in.uint();
  message.id = in.uint();
  const auto fork = in.uint();
  if (!store::decode_parts(in, flags, message.wanted)) return std::nullopt;
  message.wanted.fork = fork;
  if ((flags & kPriorityFlag) != 0) message.priority = in.uint();
  return checked(in, message);
}

Bytes encode_cancel(std::uint64_t id) {
  Writer out(9);
  out.uint(id);
  return out.take();
}

std::optional<std::uint64_t> decode_cancel(ByteView bytes) {
  Reader in(bytes);
  const auto id = in.uint();
  return checked(in, id);
}

Bytes encode_data(std::uint64_t id, const store::Proof& proof) {
  Writer out(estimated_size(proof));
  out.uint(store::part_flags(proof));
  out.uint(id);
  out.uint(proof.fork);
  store::encode_parts(out, proof);
  return out.take();
}

std::optional<DataMessage> decode_data(ByteView bytes) {
  Reader in(bytes);
  std::optional<DataMessage> message(std::in_place);
  const auto flags = in.uint();
  message->id = in.uint();
  const auto fork = in.uint();
  if (!in.ok() || !store::decode_parts(in, flags, message->proof)) return std::nullopt;
  message->proof.fork = fork;
  return message;
}

Bytes encode_no_data(const NoDataMessage& message) {
  Writer out(11);
  out.uint(message.id);
  const auto reason = static_cast<std::uint64_t>(message.reason);
  out.uint(reason != 0 ? 1 : 0);
  if (reason != 0) out.uint(reason);
  return out.take();
}

std::optional<NoDataMessage> decode_no_data(ByteView bytes) {
  Reader in(bytes);
  NoDataMessage message;
  message.id = in.uint();
  if (in.remaining() > 0 && (in.uint() & 1) != 0) {
    message.reason = static_cast<NoDataReason>(in.uint());
  }
  return checked(in, message);
}

Bytes encode_want(const WantMessage& message) {
  Writer out(19);
  out.uint(message.start);
  out.uint(message.length);
  if (message.any) out.uint(1);
  return out.take();
}

std::optional<WantMessage> decode_want(ByteView bytes) {
  Reader in(bytes);
  WantMessage message;
  message.start = in.uint();
  message.length = in.uint();
  if (in.remaining() > 0) message.any = (in.uint() & 1) != 0;
  return checked(in, message);
}

Bytes encode_bitfield(const store::BitfieldWords& message) {
  Writer out(18 + 4 * message.words.size());
  out.uint(message.start);
  out.uint(message.words.size());
  for (const auto word : message.words) out.u32(word);
  return out.take();
}

std::optional<store::BitfieldWords> decode_bitfield(ByteView bytes) {
  Reader in(bytes);
  store::BitfieldWords message;
  message.start = in.uint();
  const auto words = in.count(4, kWantSegment / 32);
  if (message.start % 32 != 0) return std::nullopt;
  message.words.reserve(words);
  for (std::size_t i = 0; i < words; ++i) message.words.push_back(in.u32());
  if (!in.ok()) return std::nullopt;
  return message;
}

Bytes encode_range(const RangeMessage& message) {
  Writer out(19);
  const bool one = message.length == 1;
  out.uint((message.drop ? 1u : 0u) | (one ? 2u : 0u));
  out.uint(message.start);
  if (!one) out.uint(message.length);
  return out.take();
}

std::optional<RangeMessage> decode_range(ByteView bytes) {
  Reader in(bytes);
  RangeMessage message;
  const auto flags = in.uint();
  message.drop = (flags & 1) != 0;
  message.start = in.uint();
  message.length = (flags & 2) != 0 ? 1 : in.uint();
  return checked(in, message);
}

Bytes encode_extension(const ExtensionMessage& message) {
  Writer out(message.name.size() + message.payload.size() + 9);
  out.string(message.name);
  out.raw(message.payload);
  return out.take();
}

std::optional<ExtensionMessage> decode_extension(ByteView bytes) {
  Reader in(bytes);
  ExtensionMessage message;
  message.name = text_of(in.buffer());
  message.payload = in.rest();
  return checked(in, message);
}

}  // namespace cip::overlay
