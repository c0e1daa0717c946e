#include "overlay/topics.hpp"

#include <doctest/doctest.h>

#include "tests/unit/overlay/topic_fixture.hpp"

using namespace cip;
using namespace cip::overlay;
using test::TopicPeer;
using test::TopicWorld;

namespace {

const Since kStart{Since::Kind::start, 0, {}};
const Since kNew{};
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a subscriber gets an author's messages in order, those of before included") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  CHECK(author.publish("news", {"one", "two"}) == 1);
  const auto subscription = reader.subscribe("news", kStart);
  world.connect(author, reader, "news");
  CHECK(reader.received(subscription) == Texts{"one", "two"});
  CHECK(author.publish("news", {"three"}) == 3);
  world.run();
  CHECK(reader.received(subscription) == Texts{"three"});
}

TEST_CASE("a single new message travels as a push, without replication") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  author.publish("news", {"first"});
  const auto subscription = reader.subscribe("news", kStart);
  world.connect(author, reader, "news");
  REQUIRE(reader.received(subscription) == Texts{"first"});
  author.replicates = false;
  const auto before = world.sent(TopicMessageType::push);
  author.publish("news", {"second"});
  world.run();
  CHECK(world.sent(TopicMessageType::push) == before + 1);
  CHECK(reader.received(subscription) == Texts{"second"});
}

TEST_CASE("messages pass through a peer in the middle and outlive their author") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& middle = world.add();
  TopicPeer& far = world.add();
  for (TopicPeer* peer : {&author, &middle, &far}) peer->join("news");
  const auto direct = world.connect(author, middle, "news");
  world.connect(middle, far, "news");
  const auto subscription = far.subscribe("news", kStart);
  author.publish("news", {"a"});
  author.publish("news", {"b"});
  world.run();
  CHECK(far.received(subscription) == Texts{"a", "b"});

  world.disconnect(direct);
  TopicPeer& late = world.add();
  late.join("news");
  const auto history = late.subscribe("news", kStart);
  world.connect(far, late, "news");
  CHECK(late.received(history) == Texts{"a", "b"});
}

TEST_CASE("acks count distinct peers that have written a message") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& one = world.add();
  TopicPeer& two = world.add();
  for (TopicPeer* peer : {&author, &one, &two}) peer->join("news");
  world.connect(author, one, "news");
  world.connect(author, two, "news");
  const auto seq = author.publish("news", {"confirmed"});
  world.run();
  const auto id = topic_id(open_topic_key("news"));
  CHECK(author.topics.confirmations(id, seq) == 2);
  CHECK(author.topics.confirmations(id, seq + 1) == 0);
}

TEST_CASE("a new subscription passes over what was there and gets what comes") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  author.publish("news", {"old"});
  world.connect(author, reader, "news");
  const auto subscription = reader.subscribe("news", kNew);
  world.advance(kLearnTime);
  CHECK(reader.received(subscription).empty());
  author.publish("news", {"new"});
  world.run();
  CHECK(reader.received(subscription) == Texts{"new"});
}

TEST_CASE("an author who begins after the subscription is new from the first message") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  world.connect(author, reader, "news");
  const auto subscription = reader.subscribe("news", kNew);
  world.advance(std::chrono::seconds(5));
  author.publish("news", {"hello"});
  world.run();
  CHECK(reader.received(subscription) == Texts{"hello"});
}

TEST_CASE("the last messages of each author can be asked for") {
  TopicWorld world;
  TopicPeer& author = world.add();
  author.join("news");
  author.publish("news", {"1", "2", "3", "4"});
  world.run();
  const auto subscription = author.subscribe("news", {Since::Kind::last, 2, {}});
  world.advance(kLearnTime);
  CHECK(author.received(subscription) == Texts{"3", "4"});
}

TEST_CASE("a subscription is synced when everything known was handed over") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  author.publish("news", {"x", "y"});
  const auto subscription = reader.subscribe("news", kStart);
  world.connect(author, reader, "news");
  CHECK_FALSE(reader.topics.is_synced(subscription));
  world.advance(kLearnTime);
  CHECK_FALSE(reader.topics.is_synced(subscription));
  CHECK(reader.received(subscription).size() == 2);
  CHECK(reader.topics.is_synced(subscription));
}

TEST_CASE("messages of a private topic are encrypted in the feed and open for its members") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("secret", true);
  reader.join("secret", true);
  const auto subscription = reader.subscribe("secret", kStart);
  world.connect(author, reader, "secret");
  author.publish("secret", {"nobody else reads this"});
  world.run();
  CHECK(reader.received(subscription) == Texts{"nobody else reads this"});
  const auto feed = *author.topics.own_feed(topic_id(open_topic_key("secret")));
  const auto stored = reader.backend.read({1, {}, {1}}).value().blocks[0].value();
  CHECK(text_of(stored).find("nobody") == std::string_view::npos);
  CHECK(reader.topics.feeds(topic_id(open_topic_key("secret")))[0].key == feed);
}

TEST_CASE("thousands of messages come whole and in order however little is read ahead") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  const auto subscription = reader.subscribe("news", kStart);
  world.connect(author, reader, "news");
  Texts all;
  for (int i = 0; i < 3000; ++i) all.push_back("message " + std::to_string(i));
  author.publish("news", all);
  world.run();
  CHECK(reader.received(subscription) == all);
}

TEST_CASE("a peer that does not know the topic's key gets no feeds") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& stranger = world.add();
  author.join("news");
  author.publish("news", {"x"});
  stranger.join("other");
  world.connect(author, stranger, "news");
  CHECK(stranger.rejected == 1);
  CHECK(author.topics.neighbours(topic_id(open_topic_key("news"))) == 0);
  CHECK(world.sent(TopicMessageType::feeds) == 0);
}

TEST_CASE("a feed without a valid header is dropped in time") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  // A feed that anybody may sign, but whose first block is no header.
  world.on_topic_message = [](TopicMessageType type, Bytes& payload) {
    if (type == TopicMessageType::feeds) payload = encode_topic_feeds({{0, Bytes32{99}, 5}});
    return true;
  };
  author.publish("news", {"x"});
  world.connect(author, reader, "news");
  REQUIRE(reader.topics.feeds(topic_id(open_topic_key("news"))).size() == 1);
  world.advance(TopicLimits{}.header_wait);
  CHECK(reader.topics.feeds(topic_id(open_topic_key("news"))).empty());
  CHECK(reader.dropped == std::vector<Bytes32>{Bytes32{99}});
}

TEST_CASE("a malformed topic message ends the stream of its sender") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  author.publish("news", {"x"});
  world.on_topic_message = [](TopicMessageType, Bytes& payload) {
    payload = {0xff};
    return true;
  };
  world.connect(author, reader, "news");
  REQUIRE_FALSE(reader.destroyed.empty());
  CHECK(reader.destroyed[0] == "malformed topic message");
}

TEST_CASE("a push whose proof was tampered with ends the stream of its sender") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  author.publish("news", {"x"});
  world.connect(author, reader, "news");
  author.replicates = false;
  world.on_topic_message = [](TopicMessageType type, Bytes& payload) {
    if (type == TopicMessageType::push) payload.back() ^= 1;
    return true;
  };
  author.publish("news", {"y"});
  world.run();
  CHECK(reader.destroyed.size() == 1);
}

TEST_CASE("one neighbour cannot introduce more feeds in an hour than it may") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  author.publish("news", {"x"});
  world.on_topic_message = [](TopicMessageType type, Bytes& payload) {
    if (type != TopicMessageType::feeds) return true;
    std::vector<TopicFeed> feeds;
    for (std::uint8_t i = 0; i < 200; ++i) feeds.push_back({i, Bytes32{i, 7}, 1});
    payload = encode_topic_feeds(feeds);
    return true;
  };
  world.connect(author, reader, "news");
  CHECK(reader.topics.feeds(topic_id(open_topic_key("news"))).size() ==
        TopicLimits{}.new_feeds_per_hour);
}

TEST_CASE("a message above the limit is refused before anything is written") {
  TopicWorld world;
  TopicPeer& author = world.add();
  author.join("news");
  author.publish("news", {"fits"});
  world.run();
  const auto id = topic_id(open_topic_key("news"));
  const auto refused = author.topics.publish(world.now, id, {Bytes(kMaxTopicMessage + 1)});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == overlay::Errc::message_too_large);
  CHECK(author.publish("news", {std::string(kMaxTopicMessage, 'x')}) == 2);
}
