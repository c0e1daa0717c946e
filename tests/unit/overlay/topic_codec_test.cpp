#include "overlay/topic_codec.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"

using namespace cip;
using namespace cip::overlay;

namespace {

const Bytes32 kFeedKey{7, 7, 7};

TopicHeader header_of(const KeyPair& author) {
  TopicHeader header;
  header.encrypted = true;
  header.topic = topic_id(open_topic_key("weather"));
  header.author = author.public_key;
  header.instance = {1, 2, 3};
  header.created = {1'700'000'000'000};
  return header;
}

}  // namespace

TEST_CASE("names, ids, block keys and capabilities of topics are all different") {
  const auto key = open_topic_key("weather");
  CHECK(key != open_topic_key("Weather"));
  CHECK(topic_id(key) != topic_block_key(key));
  const Bytes64 hash{5};
  CHECK(topic_capability(key, true, hash) != topic_capability(key, false, hash));
  CHECK(topic_capability(key, true, hash) != topic_capability(topic_id(key), true, hash));
  CHECK(topic_capability(key, true, hash) != topic_capability(key, true, Bytes64{6}));
}

TEST_CASE("a header is read back by whoever knows the feed it was signed for") {
  const auto author = make_key_pair(Seed{1});
  const auto header = header_of(author);
  const auto read = decode_topic_header(encode_topic_header(header, kFeedKey, author), kFeedKey);
  REQUIRE(read);
  CHECK(read->encrypted);
  CHECK(read->topic == header.topic);
  CHECK(read->author == author.public_key);
  CHECK(read->instance == header.instance);
  CHECK(read->created == header.created);
}

TEST_CASE("a header of another feed, another signer or with any byte changed is refused") {
  const auto author = make_key_pair(Seed{1});
  const auto block = encode_topic_header(header_of(author), kFeedKey, author);
  CHECK_FALSE(decode_topic_header(block, Bytes32{8}));
  CHECK_FALSE(decode_topic_header(
      encode_topic_header(header_of(author), kFeedKey, make_key_pair(Seed{2})), kFeedKey));
  for (std::size_t i = 0; i < block.size(); ++i) {
    CAPTURE(i);
    auto changed = block;
    changed[i] ^= 1;
    CHECK_FALSE(decode_topic_header(changed, kFeedKey));
    CHECK_FALSE(decode_topic_header(ByteView(block).first(i), kFeedKey));
  }
}

TEST_CASE("a message carries its bytes unchanged, all 256 values and none at all") {
  Bytes all(256);
  for (std::size_t i = 0; i < 256; ++i) all[i] = static_cast<std::uint8_t>(i);
  for (const auto& data : {all, Bytes{}}) {
    const auto read = decode_topic_message(encode_topic_message({123}, data));
    REQUIRE(read);
    CHECK(read->data == data);
    CHECK(read->time == UnixMillis{123});
  }
}

TEST_CASE("optional parts of a message are skipped, unknown versions and flags are unreadable") {
  Writer with_parts;
  with_parts.uint(1);
  with_parts.uint(3);
  with_parts.uint(9);
  with_parts.uint(1);
  with_parts.raw(Bytes32{4});
  with_parts.uint(12);
  with_parts.buffer(Bytes{1, 2});
  with_parts.raw(Bytes{42});
  const auto read = decode_topic_message(with_parts.view());
  REQUIRE(read);
  CHECK(read->data == Bytes{42});
  CHECK_FALSE(decode_topic_message(Bytes{2, 0, 9}));
  CHECK_FALSE(decode_topic_message(Bytes{1, 4, 9}));
  CHECK_FALSE(decode_topic_message(Bytes{1, 0}));
}

TEST_CASE("channel messages survive their encoding and refuse truncation") {
  const std::vector<TopicFeed> feeds{{1, Bytes32{1}, 10}, {2, Bytes32{2}, 0}};
  const auto feeds_read = decode_topic_feeds(encode_topic_feeds(feeds));
  REQUIRE(feeds_read);
  REQUIRE(feeds_read->size() == 2);
  CHECK((*feeds_read)[0].key == Bytes32{1});
  CHECK((*feeds_read)[0].length == 10);

  auto push = encode_topic_push_head({3, 7, 2, {}});
  push.push_back(99);
  const auto push_read = decode_topic_push(push);
  REQUIRE(push_read);
  CHECK(push_read->from == 7);
  CHECK(to_bytes(push_read->data) == Bytes{99});
  CHECK_FALSE(decode_topic_push(encode_topic_push_head({3, 7, kMaxTopicHops + 1, {}})));

  const auto have = decode_topic_have(encode_topic_have({{1, 2, 3}}));
  REQUIRE(have);
  CHECK((*have)[0].to == 3);
  CHECK(decode_topic_graft(encode_topic_graft({4, 5}))->length == 5);
  CHECK(*decode_topic_prune(encode_topic_prune(6)) == 6);
  CHECK((*decode_topic_ack(encode_topic_ack({{1, 8}})))[0].length == 8);

  const auto whole = encode_topic_feeds(feeds);
  const std::size_t clocks = 1 + feeds.size();  // each of one byte, as none is known
  for (std::size_t n = 0; n < whole.size() - clocks; ++n)
    CHECK_FALSE(decode_topic_feeds(ByteView(whole).first(n)));
}

TEST_CASE("feeds tell the clocks of their authors, and do without") {
  const UnixMillis clock{1'700'000'000'123};
  const auto whole = encode_topic_feeds({{1, Bytes32{1}, 10, clock}, {2, Bytes32{2}, 0, {}}});
  const auto read = decode_topic_feeds(whole);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK((*read)[0].clock == clock);
  CHECK_FALSE((*read)[1].clock);
  // As an older peer sends it, or cut short.
  for (std::size_t n = 1; n <= 11; ++n) {
    const auto without = decode_topic_feeds(ByteView(whole).first(whole.size() - n));
    REQUIRE(without);
    CHECK((*without)[1].length == 0);
    CHECK_FALSE((*without)[1].clock);
  }
}

TEST_CASE("a list that promises more feeds than a topic may have is refused") {
  Writer out;
  out.uint(kMaxTopicFeeds + 1);
  out.raw(Bytes(40'000));
  CHECK_FALSE(decode_topic_feeds(out.view()));
}
