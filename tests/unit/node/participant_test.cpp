// Whole participants on loopback sockets in one io_context: they meet, greet, exchange feeds and
// messages.
#include "node/participant.hpp"

#include <doctest/doctest.h>

#include <future>

#include "dht/routing_table.hpp"
#include "overlay/topic_codec.hpp"
#include "tests/unit/node/network_fixture.hpp"

using namespace cip;
using namespace cip::node;
using test::NetworkFixture;
using test::run_until;

TEST_CASE_FIXTURE(NetworkFixture, "participants enter an overlay and greet each other by key") {
  add();
  auto& sought = add();
  auto& seeker = add();
  CHECK_FALSE(seeker.node->dht().table().empty());

  std::optional<overlay::HelloDone> done;
  const auto listening = seeker.node->hub_events.listen([&](const overlay::HubEvent& event) {
    const auto* greeting = std::get_if<overlay::GreeterEvent>(&event);
    const auto* hello = greeting ? std::get_if<overlay::HelloDone>(greeting) : nullptr;
    if (hello) done = *hello;
  });
  seeker.node->hub().greeter()->greet(now(), sought.node->identity().public_key);
  seeker.node->changed();
  REQUIRE(run_until(io, [&] { return done.has_value(); }));
  CHECK(done->kind == overlay::PeerKind::cipnode);
  CHECK(done->offered == std::vector<Endpoint>{sought.node->local()});
}

TEST_CASE_FIXTURE(NetworkFixture, "a feed arrives by its key alone") {
  add();
  auto& writer = add();
  auto& reader = add();
  const auto own = make_feed(writer, 100);
  const auto copy = open(reader, writer.feeds->find(own.number())->record.key);
  const auto seeking = reader.feeds->search(copy.number());
  reader.feeds->follow(copy.number());
  reader.node->changed();
  CHECK(
      run_until(io, [&] { return reader.feeds->feed(copy.number())->contiguous_length() == 100; }));
  CHECK(reader.feeds->feed(copy.number())->tree_hash() ==
        writer.feeds->feed(own.number())->tree_hash());
  const auto streams = reader.node->hub().streams();
  REQUIRE(streams.size() == 1);
  CHECK(streams[0].stream.bound);
  CHECK(streams[0].stream.peer == writer.node->identity().public_key);
}

TEST_CASE_FIXTURE(NetworkFixture, "what a feed was closed with is there when it is opened again") {
  constexpr int kBlocks = 2000;
  add();
  auto& writer = add();
  auto& reader = add();
  const auto own = make_feed(writer, kBlocks);
  const auto key = writer.feeds->find(own.number())->record.key;
  auto use = std::optional(open(reader, key));
  const auto copy = use->number();
  const auto held = [&](store::FeedNumber number) {
    return reader.feeds->feed(number)->blocks().count(0, kBlocks);
  };
  // The disk is busy: a first part waits for it, the rest for that.
  std::promise<void> disk;
  reader.pool.submit(
      store::lane_of(copy), [wait = disk.get_future().share()](store::Backend&) { wait.wait(); },
      [] {});
  // Its last user goes as soon as all is verified, and not written yet.
  const auto listening = reader.feeds->watch(copy, [&](const overlay::FeedNews& news) {
    const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what);
    if (!event || !std::holds_alternative<overlay::InSync>(*event)) return;
    CHECK(held(copy) == kBlocks);
    CHECK(reader.feeds->feed(copy)->uncommitted_bytes() > 0);
    use.reset();
  });
  const auto seeking = reader.feeds->search(copy);
  reader.node->hub().replication().download(now(), copy, {.end = kBlocks});
  reader.node->changed();
  CHECK(run_until(io, [&] { return !use; }));
  disk.set_value();
  REQUIRE(run_until(io, [&] {
    reader.feeds->look_after();
    return reader.feeds->find(copy) == nullptr;
  }));
  const auto again = open(reader, key);
  REQUIRE(again.number() == copy);
  CHECK(held(again.number()) == kBlocks);
}

TEST_CASE_FIXTURE(NetworkFixture, "two holders of one identity meet, whoever came first") {
  add();
  add();
  auto& original = add();
  REQUIRE(run_until(io, [&] { return original.node->duplicates().has_looked(); }));
  CHECK_FALSE(original.node->duplicates().met());
  auto& copy = add(original.node->identity());
  REQUIRE(run_until(
      io, [&] { return original.node->duplicates().met() && copy.node->duplicates().met(); }));
  CHECK(original.node->duplicates().met()->at == copy.node->local());
  CHECK(copy.node->duplicates().met()->at == original.node->local());
}

TEST_CASE_FIXTURE(NetworkFixture, "two nodes alone that have one identity meet as well") {
  auto& original = add();
  auto& copy = add(original.node->identity());
  CHECK(run_until(
      io, [&] { return original.node->duplicates().met() && copy.node->duplicates().met(); }));
}

TEST_CASE_FIXTURE(NetworkFixture, "what an identity announced in an earlier run alarms nobody") {
  add();
  add();
  add();
  const auto identity = add().node->identity();
  // It ends without a word: its announces stay.
  peers.pop_back();
  auto& again = add(identity);
  REQUIRE(run_until(io, [&] { return again.node->duplicates().has_looked(); }));
  CHECK_FALSE(again.node->duplicates().met());
}

TEST_CASE_FIXTURE(NetworkFixture, "a message published on one node is delivered on another") {
  add();
  auto& author = add();
  auto& reader = add();
  const auto topic = parse_topic("weather");
  REQUIRE(topic);
  int joined = 0;
  author.topics->join(*topic, true, [&](const Outcome<void>& done) { joined += done.has_value(); });
  reader.topics->join(*topic, false,
                      [&](const Outcome<void>& done) { joined += done.has_value(); });
  REQUIRE(run_until(io, [&] { return joined == 2; }));

  overlay::SubscriptionOptions all;
  all.since.kind = overlay::Since::Kind::start;
  const auto subscription = reader.topics->machine().subscribe(now(), topic->id, all);
  REQUIRE(subscription);
  REQUIRE(run_until(io, [&] { return author.topics->machine().own_feed(topic->id).has_value(); }));
  REQUIRE(author.topics->machine().publish(now(), topic->id, {to_bytes(bytes_of("rain"))}));
  author.topics->turn();
  reader.topics->turn();
  std::optional<overlay::TopicDelivery> message;
  CHECK(run_until(io, [&] {
    if (!message) message = reader.topics->machine().poll_message(*subscription);
    return message.has_value();
  }));
  REQUIRE(message);
  CHECK(text_of(message->data) == "rain");
  CHECK(message->author == author.node->identity().public_key);
  CHECK(message->seq == 1);
}

TEST_CASE_FIXTURE(NetworkFixture, "two first messages of one author at once get one own feed") {
  auto& author = add();
  const auto topic = parse_topic("weather");
  REQUIRE(topic);
  int joined = 0;
  for (int i = 0; i < 3; ++i) {
    author.topics->join(*topic, true,
                        [&](const Outcome<void>& done) { joined += done.has_value(); });
  }
  REQUIRE(run_until(io, [&] { return joined == 3; }));
  CHECK(author.backend.list_topic_feeds(topic->id)->size() == 1);
}
