#pragma once

// The bytes of topics: keys, the header and message blocks of an author's feed, and the messages of
// the channel `cip/topic/1` (topics.md 2 and 3). All integers are compact uints; trailing bytes of
// a message are ignored. Numbers and strings here are frozen.
//
//   header   "cip/topic" | version uint (1) | flags uint | topic id 32 | author 32 | instance 16
//            | created uint (ms) | array of { type uint, value buffer } | signature 64
//   message  version uint (1) | flags uint | time uint (ms)
//            | [1: array of { feed key 32, length uint }] | [2: meta buffer] | data (the rest)
//   open     version uint (1) | flags uint | capability 32

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/codec.hpp"
#include "base/crypto.hpp"
#include "base/time.hpp"

namespace cip::overlay {

// Payload of one message at most. A block is a little larger.
inline constexpr std::size_t kMaxTopicMessage = 1 << 20;
// Feeds named in one channel message, or tracked per topic.
inline constexpr std::size_t kMaxTopicFeeds = 1024;
// A message that passes more neighbours than this is dropped.
inline constexpr std::uint64_t kMaxTopicHops = 32;

inline constexpr std::string_view kTopicProtocol = "cip/topic/1";

Bytes32 open_topic_key(std::string_view name);  // whoever knows the name
Bytes32 topic_id(const Bytes32& topic_key);     // DHT target, id of the channel
// Encryption key of blocks from 1 on, when the header's flag says that they are encrypted.
Bytes32 topic_block_key(const Bytes32& topic_key);
// Proves knowledge of the topic to a peer that shares this stream.
Bytes32 topic_capability(const Bytes32& topic_key, bool initiator, ByteView handshake_hash);

struct TopicHeader {
  bool encrypted = false;  // flag 1: blocks from 1 on
  Bytes32 topic{};         // topic id
  PublicKey author{};      // peer key
  FixedBytes<16> instance{};
  UnixMillis created{};
};
// `key` is the author's identity; the signature binds it to this feed.
Bytes encode_topic_header(const TopicHeader& header, const Bytes32& feed_key, const KeyPair& key);
// Nothing unless it is well-formed, of this version and signed by its author for this feed.
std::optional<TopicHeader> decode_topic_header(ByteView block, const Bytes32& feed_key);

struct TopicMessage {
  UnixMillis time{};
  Bytes data;
};
Bytes encode_topic_message(UnixMillis time, ByteView data);
// Nothing for an unknown version or flag: this one message cannot be read.
std::optional<TopicMessage> decode_topic_message(ByteView block);

// --- channel messages

struct TopicOpen {
  Bytes32 capability{};
};
Bytes encode_topic_open(const TopicOpen& open);
std::optional<TopicOpen> decode_topic_open(ByteView payload);

enum class TopicMessageType : std::uint32_t {
  feeds = 0,
  push = 1,
  have = 2,
  graft = 3,
  prune = 4,
  membership = 5,
  ack = 6,
};

// A feed of the topic, named by `index` from here on; later ones only change the length. `clock` is
// what the author's clock shows now, as far as the sender knows: with it a reader can tell how old
// a message is, whatever that clock shows. The clocks follow the array as a second one, of as many
// entries, 0 for unknown; older peers neither send nor read it.
struct TopicFeed {
  std::uint64_t index = 0;
  Bytes32 key{};
  std::uint64_t length = 0;
  std::optional<UnixMillis> clock{};
};
Bytes encode_topic_feeds(const std::vector<TopicFeed>& feeds);
std::optional<std::vector<TopicFeed>> decode_topic_feeds(ByteView payload);

// A block with its upgrade from length `from`; `data` is a data message of feeds.md 9, id 0.
struct TopicPush {
  std::uint64_t index = 0;
  std::uint64_t from = 0;
  std::uint64_t hops = 0;
  ByteView data;  // into the payload
};
Bytes encode_topic_push_head(const TopicPush& push);  // without data
std::optional<TopicPush> decode_topic_push(ByteView payload);

// Blocks from..to-1 of a feed can be had here.
struct TopicHave {
  std::uint64_t index = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};
Bytes encode_topic_have(const std::vector<TopicHave>& ranges);
std::optional<std::vector<TopicHave>> decode_topic_have(ByteView payload);

// graft: push to me from this length on. ack: blocks below it are written here, without gap.
struct TopicLength {
  std::uint64_t index = 0;
  std::uint64_t length = 0;
};
Bytes encode_topic_graft(const TopicLength& graft);
std::optional<TopicLength> decode_topic_graft(ByteView payload);
Bytes encode_topic_prune(std::uint64_t index);
std::optional<std::uint64_t> decode_topic_prune(ByteView payload);
Bytes encode_topic_ack(const std::vector<TopicLength>& lengths);
std::optional<std::vector<TopicLength>> decode_topic_ack(ByteView payload);

}  // namespace cip::overlay
