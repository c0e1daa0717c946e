// Whole participants on loopback sockets in one io_context: they meet, greet, exchange feeds and
// messages.
#include "node/participant.hpp"

#include <doctest/doctest.h>

#include <future>

#include "base/random.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/topic_library.hpp"
#include "overlay/topic_codec.hpp"
#include "store/memory_backend.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
using test::run_until;

namespace {

constexpr Endpoint kAnyPort{0x7f000001, 0};

struct Peer {
  Peer(asio::io_context& io, dht::ContactArena& arena, Random& random,
       std::vector<Endpoint> contacts, std::optional<KeyPair> identity = std::nullopt)
      : backend(random), pool(io, backend, 1) {
    ParticipantOptions options;
    options.identity = identity.value_or(make_key_pair(random.bytes<32>()));
    options.dht.bootstrap = std::move(contacts);
    options.listen = kAnyPort;
    node = std::move(*Participant::open({io, arena, random, pool}, std::move(options)));
    feeds = std::make_unique<FeedLibrary>(*node, pool, random.bytes<32>(), random, true);
    topics = std::make_unique<TopicLibrary>(*node, *feeds, pool, backend.instance(), true);
    node->on_feed_news = [this](const overlay::FeedNews& news) { feeds->handle(news); };
    node->on_turn = [this](Now now) { topics->handle_turn(now); };
    node->next_other_timeout = [this] { return topics->next_timeout(); };
    node->start();
  }
  ~Peer() { node->stop(); }

  store::MemoryBackend backend;
  StoragePool pool;
  std::unique_ptr<Participant> node;
  std::unique_ptr<FeedLibrary> feeds;
  std::unique_ptr<TopicLibrary> topics;
};

std::vector<Bytes> numbered_blocks(int count) {
  std::vector<Bytes> blocks;
  for (int i = 0; i < count; ++i)
    blocks.push_back(to_bytes(bytes_of("block " + std::to_string(i))));
  return blocks;
}

// Opens a feed of another, or opens it again.
std::optional<store::FeedNumber> open_copy(asio::io_context& io, Peer& reader,
                                           const PublicKey& key) {
  std::optional<store::FeedNumber> copy;
  FeedQuery query;
  query.key = key;
  reader.feeds->open(query, [&](const Outcome<store::FeedNumber>& number) { copy = *number; });
  run_until(io, [&] { return copy.has_value(); });
  return copy;
}

struct NetworkFixture {
  asio::io_context io;
  dht::ContactArena arena;
  SeededRandom random{42};
  std::vector<std::unique_ptr<Peer>> peers;

  Peer& add(std::optional<KeyPair> identity = std::nullopt) {
    std::vector<Endpoint> contacts;
    if (!peers.empty()) contacts.push_back(peers.front()->node->local());
    peers.push_back(std::make_unique<Peer>(io, arena, random, contacts, identity));
    auto& added = *peers.back();
    REQUIRE(run_until(io, [&] { return added.node->has_settled(); }));
    return added;
  }
  // An own feed with so many blocks.
  std::optional<store::FeedNumber> make_feed(Peer& writer, int blocks) {
    std::optional<store::FeedNumber> own;
    store::NewWriter wanted;
    wanted.name = "log";
    writer.feeds->create(wanted, [&](const Outcome<store::FeedNumber>& number) { own = *number; });
    REQUIRE(run_until(io, [&] { return own.has_value(); }));
    REQUIRE(writer.feeds->append(*own, numbered_blocks(blocks)));
    REQUIRE(run_until(io, [&] {
      return writer.feeds->feed(*own)->length() == static_cast<std::uint64_t>(blocks);
    }));
    return own;
  }
};

}  // namespace

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
  const auto copy = open_copy(io, reader, writer.feeds->find(*own)->record.key);
  REQUIRE(copy);
  reader.feeds->search(*copy);
  reader.feeds->follow(*copy);
  reader.node->changed();
  CHECK(run_until(io, [&] { return reader.feeds->feed(*copy)->contiguous_length() == 100; }));
  CHECK(reader.feeds->feed(*copy)->tree_hash() == writer.feeds->feed(*own)->tree_hash());
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
  const auto key = writer.feeds->find(*own)->record.key;
  const auto copy = open_copy(io, reader, key);
  REQUIRE(copy);
  const auto held = [&](store::FeedNumber number) {
    return reader.feeds->feed(number)->blocks().count(0, kBlocks);
  };
  // The disk is busy: a first part waits for it, the rest for that.
  std::promise<void> disk;
  reader.pool.submit(
      *copy, [wait = disk.get_future().share()](store::Backend&) { wait.wait(); }, [] {});
  // Its last user goes as soon as all is verified, and not written yet.
  bool released = false;
  const auto listening = reader.feeds->watch(*copy, [&](const overlay::FeedNews& news) {
    const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what);
    if (!event || !std::holds_alternative<overlay::InSync>(*event)) return;
    CHECK(held(*copy) == kBlocks);
    CHECK(reader.feeds->feed(*copy)->uncommitted_bytes() > 0);
    if (!std::exchange(released, true)) reader.feeds->release(*copy);
  });
  reader.feeds->search(*copy);
  reader.node->hub().replication().download(now(), *copy, {.end = kBlocks});
  reader.node->changed();
  CHECK(run_until(io, [&] { return released; }));
  disk.set_value();
  REQUIRE(run_until(io, [&] {
    reader.feeds->look_after();
    return reader.feeds->find(*copy) == nullptr;
  }));
  const auto again = open_copy(io, reader, key);
  REQUIRE(again == copy);
  CHECK(held(*again) == kBlocks);
}

TEST_CASE_FIXTURE(NetworkFixture, "two holders of one identity meet, whoever came first") {
  add();
  add();
  auto& original = add();
  REQUIRE(run_until(io, [&] { return original.node->duplicates().has_looked(); }));
  CHECK_FALSE(original.node->duplicates().met());
  auto& copy = add(original.node->identity());
  REQUIRE(run_until(io, [&] {
    return original.node->duplicates().met() && copy.node->duplicates().met();
  }));
  CHECK(original.node->duplicates().met()->at == copy.node->local());
  CHECK(copy.node->duplicates().met()->at == original.node->local());
}

TEST_CASE_FIXTURE(NetworkFixture, "two nodes alone that have one identity meet as well") {
  auto& original = add();
  auto& copy = add(original.node->identity());
  CHECK(run_until(io, [&] {
    return original.node->duplicates().met() && copy.node->duplicates().met();
  }));
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
