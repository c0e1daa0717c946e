#include "overlay/topics.hpp"

#include <doctest/doctest.h>

#include <array>

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

namespace {

Since last(std::chrono::milliseconds ago) { return {Since::Kind::time, 0, ago}; }

// Two peers of which the author's clock is wrong.
struct WrongClock {
  explicit WrongClock(std::chrono::seconds ahead) : author(world.add()), reader(world.add()) {
    author.clock_ahead = ahead;
    author.join("news");
    reader.join("news");
  }

  TopicWorld world;
  TopicPeer& author;
  TopicPeer& reader;
};

constexpr std::array kWrong{std::chrono::seconds(-60), std::chrono::seconds(3600),
                            std::chrono::seconds(-86'400 * 365 * 30)};

}  // namespace

TEST_CASE("the first message of an author is new, whatever its clock shows") {
  for (const auto ahead : kWrong) {
    WrongClock pair(ahead);
    const auto subscription = pair.reader.subscribe("news", kNew);
    pair.world.advance(std::chrono::seconds(5));
    // Written before the two meet, and after the subscription began.
    pair.author.publish("news", {"first"});
    pair.world.advance(std::chrono::seconds(1));
    pair.world.connect(pair.author, pair.reader, "news");
    CHECK(pair.reader.received(subscription) == Texts{"first"});
    pair.author.publish("news", {"second"});
    pair.world.run();
    CHECK(pair.reader.received(subscription) == Texts{"second"});
  }
}

TEST_CASE("a message of the first two seconds is new as well") {
  for (const auto ahead : kWrong) {
    WrongClock pair(ahead);
    pair.author.publish("news", {"old"});
    pair.world.connect(pair.author, pair.reader, "news");
    pair.world.advance(std::chrono::seconds(10));
    const auto subscription = pair.reader.subscribe("news", kNew);
    pair.world.advance(std::chrono::milliseconds(500));
    pair.author.publish("news", {"new"});
    pair.world.run();
    pair.world.advance(kLearnTime);
    CHECK(pair.reader.received(subscription) == Texts{"new"});
  }
}

TEST_CASE("history is not new, whatever its author's clock shows") {
  for (const auto ahead : kWrong) {
    WrongClock pair(ahead);
    pair.author.publish("news", {"a", "b"});
    pair.world.advance(std::chrono::seconds(10));
    // Met for the first time after the subscription began, and again by a later one.
    const auto first = pair.reader.subscribe("news", kNew);
    pair.world.advance(std::chrono::seconds(3));
    pair.world.connect(pair.author, pair.reader, "news");
    pair.world.advance(kLearnTime);
    CHECK(pair.reader.received(first).empty());
    const auto second = pair.reader.subscribe("news", kNew);
    pair.world.advance(kLearnTime);
    CHECK(pair.reader.received(second).empty());
  }
}

TEST_CASE(
    "messages of the last while are those of that while, whatever their author's clock shows") {
  for (const auto ahead : kWrong) {
    WrongClock pair(ahead);
    pair.author.publish("news", {"old"});
    pair.world.advance(std::chrono::minutes(2));
    pair.author.publish("news", {"recent"});
    pair.world.advance(std::chrono::seconds(5));
    pair.world.connect(pair.author, pair.reader, "news");
    const auto subscription = pair.reader.subscribe("news", last(std::chrono::seconds(30)));
    CHECK(pair.reader.received(subscription) == Texts{"recent"});
    pair.author.publish("news", {"live"});
    pair.world.run();
    CHECK(pair.reader.received(subscription) == Texts{"live"});
  }
}

TEST_CASE("what came live is history for a later subscription, and judged by its age") {
  for (const auto ahead : kWrong) {
    WrongClock pair(ahead);
    pair.world.connect(pair.author, pair.reader, "news");
    pair.author.publish("news", {"old"});
    pair.world.advance(std::chrono::minutes(2));
    pair.author.publish("news", {"recent"});
    pair.world.advance(std::chrono::seconds(5));
    for (TopicPeer* peer : {&pair.author, &pair.reader}) {
      const auto subscription = peer->subscribe("news", last(std::chrono::seconds(30)));
      pair.world.advance(kLearnTime);
      CHECK(peer->received(subscription) == Texts{"recent"});
    }
  }
}

TEST_CASE("own messages keep their age when the clock here is set") {
  for (const auto step : kWrong) {
    WrongClock pair({});
    pair.author.publish("news", {"old"});
    pair.world.advance(std::chrono::minutes(2));
    pair.author.publish("news", {"recent"});
    pair.world.run();
    pair.author.clock_ahead = step;
    const auto subscription = pair.author.subscribe("news", last(std::chrono::seconds(30)));
    pair.world.advance(kLearnTime);
    CHECK(pair.author.received(subscription) == Texts{"recent"});
  }
}

TEST_CASE("what is known of an author's clock passes through a peer in the middle") {
  WrongClock pair(std::chrono::seconds(-60));
  TopicPeer& far = pair.world.add();
  far.join("news");
  pair.author.publish("news", {"recent"});
  pair.world.connect(pair.author, pair.reader, "news");
  pair.world.connect(pair.reader, far, "news");
  const auto subscription = far.subscribe("news", last(std::chrono::seconds(30)));
  CHECK(far.received(subscription) == Texts{"recent"});
}

TEST_CASE("an author of whose clock nobody tells is taken at its word, but for live messages") {
  WrongClock pair(std::chrono::seconds(-60));
  pair.world.on_topic_message = [](TopicMessageType type, Bytes& payload) {
    if (type != TopicMessageType::feeds) return true;
    auto feeds = decode_topic_feeds(payload).value();
    for (auto& feed : feeds) feed.clock.reset();
    payload = encode_topic_feeds(feeds);
    return true;
  };
  pair.author.publish("news", {"history"});
  pair.world.connect(pair.author, pair.reader, "news");
  const auto subscription = pair.reader.subscribe("news", last(std::chrono::seconds(30)));
  pair.author.publish("news", {"live"});
  pair.world.run();
  CHECK(pair.reader.received(subscription) == Texts{"live"});
}

TEST_CASE("what was given up is said to be missing, and what comes after it is read") {
  WrongClock pair({});
  pair.author.publish("news", {"1", "2", "3"});
  pair.world.connect(pair.author, pair.reader, "news");
  const auto id = topic_id(open_topic_key("news"));
  const auto feed = *pair.author.topics.own_feed(id);
  const auto reading = pair.reader.subscribe("news", kStart);
  CHECK(pair.reader.received(reading).size() == 3);
  pair.reader.give_up("news", feed);
  pair.reader.take_up("news", feed);
  pair.world.run();
  pair.author.publish("news", {"4"});
  pair.world.run();
  CHECK(pair.reader.received(reading) == Texts{"4"});
  CHECK_FALSE(pair.reader.topics.poll_gap(reading));

  const auto late = pair.reader.subscribe("news", kStart);
  CHECK(pair.reader.received(late) == Texts{"4"});
  const auto gap = pair.reader.topics.poll_gap(late);
  REQUIRE(gap);
  CHECK(gap->from == 1);
  CHECK(gap->to == 4);
  // It goes on confirming what it writes.
  CHECK(pair.author.topics.confirmations(id, 4) == 1);
  // What was given up is not fetched again.
  CHECK_FALSE(pair.reader.replication.feed_by_key(feed)->has(2));
}

TEST_CASE("a subscription goes past messages that nobody has, and says which they are") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  author.join("news");
  reader.join("news");
  author.publish("news", {"a", "b", "c", "d"});
  world.run();
  const auto feed = *author.topics.own_feed(topic_id(open_topic_key("news")));
  const auto number = author.replication.feed_by_key(feed)->number();
  REQUIRE(author.replication.clear(author.now(), number, 2, 4));
  const auto subscription = reader.subscribe("news", kStart);
  world.connect(author, reader, "news");
  world.advance(kLearnTime);
  CHECK(reader.received(subscription) == Texts{"a"});
  CHECK(reader.topics.holes(subscription) == std::map<Bytes32, std::uint64_t>{{feed, 2}});
  CHECK_FALSE(reader.topics.is_synced(subscription));

  // Somebody may have the second of them.
  reader.topics.pass_hole(reader.now(), subscription, feed, 3);
  CHECK(reader.received(subscription) == Texts{});
  CHECK(reader.topics.holes(subscription) == std::map<Bytes32, std::uint64_t>{{feed, 3}});
  reader.topics.pass_hole(reader.now(), subscription, feed, 5);
  CHECK(reader.received(subscription) == Texts{"d"});
  std::uint64_t next = 2;
  while (const auto gap = reader.topics.poll_gap(subscription)) {
    CHECK(gap->from == next);
    next = gap->to;
  }
  CHECK(next == 4);
  CHECK(reader.topics.holes(subscription).empty());
  CHECK(reader.topics.is_synced(subscription));
}

TEST_CASE("who comes while a feed is given up hears of it when it is opened anew") {
  WrongClock pair({});
  pair.author.publish("news", {"1"});
  pair.world.connect(pair.author, pair.reader, "news");
  const auto feed = *pair.author.topics.own_feed(topic_id(open_topic_key("news")));
  pair.world.run();
  pair.reader.give_up("news", feed);
  TopicPeer& late = pair.world.add();
  late.join("news");
  pair.world.connect(late, pair.reader, "news");
  pair.world.run();
  pair.reader.take_up("news", feed);
  pair.author.publish("news", {"2"});
  pair.world.run();
  const auto heard = late.topics.feeds(topic_id(open_topic_key("news")));
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].key == feed);
  CHECK(heard[0].header);
  CHECK(heard[0].length == 3);
}

TEST_CASE("a feed of one topic cannot be claimed for another") {
  TopicWorld world;
  TopicPeer& author = world.add();
  TopicPeer& reader = world.add();
  for (TopicPeer* peer : {&author, &reader}) {
    peer->join("news");
    peer->join("other");
  }
  const auto subscription = reader.subscribe("news", kStart);
  const auto conn = world.connect(author, reader, "news");
  author.publish("news", {"one"});
  world.run();
  const auto feed = *author.topics.own_feed(topic_id(open_topic_key("news")));
  world.on_topic_message = [&](TopicMessageType type, Bytes& payload) {
    if (type == TopicMessageType::feeds) payload = encode_topic_feeds({{0, feed, 5, {}}});
    return true;
  };
  author.publish("other", {"bait"});
  author.topics.open_for(world.now, conn, topic_id(open_topic_key("other")));
  world.run();
  world.on_topic_message = {};
  world.advance(TopicLimits{}.header_wait);
  author.publish("news", {"two"});
  world.run();
  CHECK(reader.received(subscription) == Texts{"one", "two"});
  CHECK(reader.dropped.empty());
}

TEST_CASE("a topic that is left ends its subscriptions and says so") {
  TopicWorld world;
  TopicPeer& author = world.add();
  author.join("news");
  const auto subscription = author.subscribe("news", kStart);
  while (author.topics.poll_event()) continue;
  const auto id = topic_id(open_topic_key("news"));
  author.topics.leave(id);
  const auto event = author.topics.poll_event();
  REQUIRE(event);
  REQUIRE(std::holds_alternative<TopicLeft>(*event));
  CHECK(std::get<TopicLeft>(*event).topic == id);
  CHECK_FALSE(author.topics.poll_message(subscription));
  CHECK_FALSE(author.topics.poll_gap(subscription));
  author.topics.unsubscribe(subscription);
}
