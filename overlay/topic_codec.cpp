#include "overlay/topic_codec.hpp"

namespace cip::overlay {
namespace {

constexpr std::string_view kHeaderMagic = "cip/topic";
constexpr std::string_view kAuthorDomain = "cip/topic/author/1";
constexpr std::uint64_t kTopicVersion = 1;
constexpr std::uint64_t kHeaderEncrypted = 1;
constexpr std::uint64_t kMessageSeen = 1;
constexpr std::uint64_t kMessageMeta = 2;
constexpr std::size_t kMaxHeaderEntries = 64;

// What the author signs.
Bytes signed_bytes(const Bytes32& feed_key, ByteView header) {
  Writer out(kAuthorDomain.size() + 32 + header.size());
  out.raw(bytes_of(kAuthorDomain));
  out.raw(feed_key);
  out.raw(header);
  return out.take();
}

// No clock shows more than the year 9999; what would not fit into a message is not passed on.
constexpr std::uint64_t kLastClock = 253'402'300'799'999;

// An array of elements that `read` takes from the reader; each has `size` bytes at least.
template <typename T, typename Read>
std::optional<std::vector<T>> decode_array(ByteView payload, std::size_t size, Read read) {
  Reader in(payload);
  const std::size_t n = in.count(size, kMaxTopicFeeds);
  std::vector<T> out;
  out.reserve(n);
  for (std::size_t i = 0; i < n; ++i) out.push_back(read(in));
  if (!in.ok()) return std::nullopt;
  return out;
}

TopicLength read_length(Reader& in) {
  const std::uint64_t index = in.uint();
  return {index, in.uint()};
}

}  // namespace

Bytes32 open_topic_key(std::string_view name) {
  return keyed_hash(bytes_of("cip/topic/name/1"), bytes_of(name));
}

Bytes32 topic_id(const Bytes32& topic_key) {
  return keyed_hash(topic_key, bytes_of("cip/topic/id/1"));
}

Bytes32 topic_block_key(const Bytes32& topic_key) {
  return keyed_hash(topic_key, bytes_of("cip/topic/block/1"));
}

Bytes32 topic_capability(const Bytes32& topic_key, bool initiator, ByteView handshake_hash) {
  const std::uint8_t role = initiator ? 0 : 1;
  return keyed_hash(topic_key, {bytes_of("cip/topic/cap/1"), ByteView(&role, 1), handshake_hash});
}

Bytes encode_topic_header(const TopicHeader& header, const Bytes32& feed_key, const KeyPair& key) {
  Writer out;
  out.raw(bytes_of(kHeaderMagic));
  out.uint(kTopicVersion);
  out.uint(header.encrypted ? kHeaderEncrypted : 0);
  out.raw(header.topic);
  out.raw(header.author);
  out.raw(header.instance);
  out.uint(header.created.value);
  out.uint(0);  // no entries yet
  const Signature signature = sign(signed_bytes(feed_key, out.view()), key);
  out.raw(signature);
  return out.take();
}

std::optional<TopicHeader> decode_topic_header(ByteView block, const Bytes32& feed_key) {
  Reader in(block);
  const bool magic = equal(in.take(kHeaderMagic.size()), bytes_of(kHeaderMagic));
  if (!magic || in.uint() != kTopicVersion) return std::nullopt;
  TopicHeader out;
  const std::uint64_t flags = in.uint();
  out.encrypted = (flags & kHeaderEncrypted) != 0;
  out.topic = in.fixed32();
  out.author = in.fixed32();
  out.instance = in.fixed<16>();
  out.created = {in.uint()};
  for (std::size_t n = in.count(2, kMaxHeaderEntries); n > 0; --n) {
    in.uint();
    in.buffer();
  }
  const ByteView covered = block.first(block.size() - in.remaining());
  const Signature signature = in.fixed64();
  if (!in.ok() || (flags & ~kHeaderEncrypted) != 0) return std::nullopt;
  if (!verify_signature(signature, signed_bytes(feed_key, covered), out.author))
    return std::nullopt;
  return out;
}

Bytes encode_topic_message(UnixMillis time, ByteView data) {
  Writer out(data.size() + 12);
  out.uint(kTopicVersion);
  out.uint(0);
  out.uint(time.value);
  out.raw(data);
  return out.take();
}

std::optional<TopicMessage> decode_topic_message(ByteView block) {
  Reader in(block);
  const std::uint64_t version = in.uint();
  const std::uint64_t flags = in.uint();
  if (version != kTopicVersion || (flags & ~(kMessageSeen | kMessageMeta)) != 0)
    return std::nullopt;
  const UnixMillis time{in.uint()};
  if ((flags & kMessageSeen) != 0) {
    for (std::size_t n = in.count(33, kMaxTopicFeeds); n > 0; --n) {
      in.fixed32();
      in.uint();
    }
  }
  if ((flags & kMessageMeta) != 0) in.buffer();
  if (!in.ok()) return std::nullopt;
  return TopicMessage{time, to_bytes(in.rest())};
}

Bytes encode_topic_open(const TopicOpen& open) {
  Writer out(34);
  out.uint(kTopicVersion);
  out.uint(0);
  out.raw(open.capability);
  return out.take();
}

std::optional<TopicOpen> decode_topic_open(ByteView payload) {
  Reader in(payload);
  const std::uint64_t version = in.uint();
  in.uint();  // flags: none defined, unknown ones are ignored
  const TopicOpen out{in.fixed32()};
  if (!in.ok() || version != kTopicVersion) return std::nullopt;
  return out;
}

Bytes encode_topic_feeds(const std::vector<TopicFeed>& feeds) {
  Writer out(feeds.size() * 40 + 4);
  out.uint(feeds.size());
  for (const TopicFeed& feed : feeds) {
    out.uint(feed.index);
    out.raw(feed.key);
    out.uint(feed.length);
  }
  out.uint(feeds.size());
  for (const TopicFeed& feed : feeds) out.uint(feed.clock ? feed.clock->value : 0);
  return out.take();
}

std::optional<std::vector<TopicFeed>> decode_topic_feeds(ByteView payload) {
  Reader in(payload);
  std::vector<TopicFeed> feeds(in.count(34, kMaxTopicFeeds));
  for (auto& feed : feeds) {
    feed.index = in.uint();
    feed.key = in.fixed32();
    feed.length = in.uint();
  }
  if (!in.ok()) return std::nullopt;
  if (in.remaining() == 0 || in.count(1, kMaxTopicFeeds) != feeds.size()) return feeds;
  for (auto& feed : feeds) {
    const auto clock = in.uint();
    if (in.ok() && clock > 0 && clock <= kLastClock) feed.clock = UnixMillis{clock};
  }
  return feeds;
}

Bytes encode_topic_push_head(const TopicPush& push) {
  Writer out(16);
  out.uint(push.index);
  out.uint(push.from);
  out.uint(push.hops);
  return out.take();
}

std::optional<TopicPush> decode_topic_push(ByteView payload) {
  Reader in(payload);
  TopicPush out;
  out.index = in.uint();
  out.from = in.uint();
  out.hops = in.uint();
  out.data = in.rest();
  if (!in.ok() || out.hops > kMaxTopicHops) return std::nullopt;
  return out;
}

Bytes encode_topic_have(const std::vector<TopicHave>& ranges) {
  Writer out;
  out.uint(ranges.size());
  for (const TopicHave& range : ranges) {
    out.uint(range.index);
    out.uint(range.from);
    out.uint(range.to);
  }
  return out.take();
}

std::optional<std::vector<TopicHave>> decode_topic_have(ByteView payload) {
  return decode_array<TopicHave>(payload, 3, [](Reader& in) {
    TopicHave range;
    range.index = in.uint();
    range.from = in.uint();
    range.to = in.uint();
    return range;
  });
}

Bytes encode_topic_graft(const TopicLength& graft) {
  Writer out;
  out.uint(graft.index);
  out.uint(graft.length);
  return out.take();
}

std::optional<TopicLength> decode_topic_graft(ByteView payload) {
  Reader in(payload);
  const TopicLength out = read_length(in);
  return in.ok() ? std::optional(out) : std::nullopt;
}

Bytes encode_topic_prune(std::uint64_t index) {
  Writer out;
  out.uint(index);
  return out.take();
}

std::optional<std::uint64_t> decode_topic_prune(ByteView payload) {
  Reader in(payload);
  const std::uint64_t index = in.uint();
  return in.ok() ? std::optional(index) : std::nullopt;
}

Bytes encode_topic_ack(const std::vector<TopicLength>& lengths) {
  Writer out;
  out.uint(lengths.size());
  for (const TopicLength& each : lengths) {
    out.uint(each.index);
    out.uint(each.length);
  }
  return out.take();
}

std::optional<std::vector<TopicLength>> decode_topic_ack(ByteView payload) {
  return decode_array<TopicLength>(payload, 2, read_length);
}

}  // namespace cip::overlay
