// Who uses a feed, and what becomes of feeds that nobody uses.
#include "node/feed_library.hpp"

#include <doctest/doctest.h>

#include "tests/unit/node/network_fixture.hpp"

using namespace cip;
using namespace cip::node;
using test::NetworkFixture;
using test::run_until;

namespace {

struct LibraryFixture : NetworkFixture {
  Outcome<void> drop(test::Peer& peer, FeedUse use) {
    std::optional<Outcome<void>> dropped;
    peer.feeds->drop(std::move(use), [&](Outcome<void> done) { dropped = std::move(done); });
    REQUIRE(run_until(io, [&] { return dropped.has_value(); }));
    return *dropped;
  }
  bool is_open(test::Peer& peer, store::FeedNumber number) {
    return peer.feeds->find(number) != nullptr;
  }
  // What is submitted so far is done.
  void settle(test::Peer& peer) {
    REQUIRE(run_until(io, [&] { return peer.pool.pending() == 0; }));
  }
};

}  // namespace

TEST_CASE_FIXTURE(LibraryFixture,
                  "own and seeded feeds are open after a restart, and used by nobody") {
  auto& writer = add();
  auto own = make_feed(writer, 3);
  const auto key = writer.feeds->find(own.number())->record.key;
  auto home = std::make_shared<test::Home>(random);
  {
    auto& seeder = add(home);
    const auto copy = fetch(seeder, key, 3);
    bool written = false;
    seeder.feeds->set_seeded(copy.number(), true, [&](const Outcome<void>&) { written = true; });
    REQUIRE(run_until(io, [&] { return written; }));
  }
  end_last();
  auto& seeder = add(home);
  seeder.feeds->start(nullptr);
  REQUIRE(run_until(io, [&] { return seeder.feeds->open_feeds().size() == 1; }));
  const auto& [number, seeded] = *seeder.feeds->open_feeds().begin();
  settle(seeder);
  CHECK(seeded.users.empty());
  CHECK(drop(seeder, open(seeder, key)));
  CHECK(seeder.feeds->open_feeds().empty());
  CHECK(seeder.backend.list_feeds()->empty());
}

TEST_CASE_FIXTURE(LibraryFixture, "a feed in use is not dropped, and who uses it is said") {
  auto& peer = add();
  auto own = make_feed(peer, 3);
  const auto key = peer.feeds->find(own.number())->record.key;
  auto follower = std::optional(open(peer, key, "feed follow"));
  auto other = std::optional(open(peer, key, "feed follow"));
  const auto refused = drop(peer, std::move(own));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::busy);
  CHECK(refused.error().message.find("feed follow (2)") != std::string::npos);
  follower.reset();
  CHECK_FALSE(drop(peer, open(peer, key)));
  other.reset();
  CHECK(drop(peer, open(peer, key)));
  CHECK(peer.backend.list_feeds()->empty());
}

TEST_CASE_FIXTURE(LibraryFixture,
                  "all who asked for a feed at once use it, whoever of them is through first") {
  auto& writer = add();
  const auto own = make_feed(writer, 3);
  const auto key = writer.feeds->find(own.number())->record.key;
  auto& reader = add();
  fetch(reader, key, 3);
  FeedQuery query;
  query.key = key;
  std::optional<FeedUse> second;
  bool was_there = false;
  reader.feeds->open(query, "first", [](const Outcome<FeedUse>&) {});
  reader.feeds->open(query, "second", [&](Outcome<FeedUse> use) {
    was_there = use && reader.feeds->feed(use->number()) != nullptr;
    second = std::move(*use);
  });
  REQUIRE(run_until(io, [&] { return second.has_value(); }));
  CHECK(was_there);
  CHECK(reader.feeds->find(second->number())->users.size() == 1);
}

TEST_CASE_FIXTURE(LibraryFixture, "of a key that nobody had nothing stays") {
  auto& peer = add();
  auto use = std::optional(open(peer, Bytes32{7}));
  CHECK(peer.backend.list_feeds()->size() == 1);
  use.reset();
  settle(peer);
  CHECK(peer.backend.list_feeds()->empty());
  CHECK(peer.feeds->open_feeds().empty());
}

TEST_CASE_FIXTURE(LibraryFixture,
                  "only who reads a feed of the cache is noted as its latest reader") {
  struct Reader final : BlockReader {
    std::uint64_t position() const override { return 0; }
  };
  auto& writer = add();
  const auto own = make_feed(writer, 3);
  const auto key = writer.feeds->find(own.number())->record.key;
  auto& peer = add();
  fetch(peer, key, 3);
  const auto used = [&] { return peer.backend.find_feed_by_key(key)->used; };
  settle(peer);
  const auto before = used();
  open(peer, key);
  settle(peer);
  CHECK(used() == before);
  {
    const auto use = open(peer, key);
    const Reader reader;
    peer.feeds->add_reader(use.number(), reader);
    peer.feeds->remove_reader(use.number(), reader);
  }
  settle(peer);
  CHECK(used() > before);
}

TEST_CASE_FIXTURE(LibraryFixture,
                  "a feed that is asked for while it is evicted comes back as a new one") {
  auto& writer = add();
  const auto own = make_feed(writer, 3);
  const auto key = writer.feeds->find(own.number())->record.key;
  auto& peer = add();
  const auto number = fetch(peer, key, 3).number();
  REQUIRE_FALSE(is_open(peer, number));
  peer.feeds->evict(number);
  const auto again = open(peer, key);
  CHECK(again.number() != number);
  CHECK(peer.feeds->feed(again.number())->length() == 0);
  CHECK(peer.backend.find_feed_by_key(key)->number == again.number());
}

TEST_CASE_FIXTURE(LibraryFixture,
                  "a feed that its topic lets go goes once its last user has gone") {
  auto& writer = add();
  const auto own = make_feed(writer, 3);
  const auto key = writer.feeds->find(own.number())->record.key;
  auto& peer = add();
  auto reader = std::optional(fetch(peer, key, 3));
  peer.feeds->adopt(reader->number(), Bytes32{9});
  peer.feeds->drop_unused(open(peer, key, "a topic"));
  settle(peer);
  const auto number = reader->number();
  REQUIRE(is_open(peer, number));
  reader.reset();
  REQUIRE(run_until(io, [&] { return !is_open(peer, number); }));
  settle(peer);
  CHECK(peer.backend.list_feeds()->empty());
}

TEST_CASE_FIXTURE(LibraryFixture, "a feed of no topic stays when a topic lets it go") {
  auto& writer = add();
  const auto own = make_feed(writer, 3);
  const auto key = writer.feeds->find(own.number())->record.key;
  auto& peer = add();
  auto reader = std::optional(fetch(peer, key, 3));
  peer.feeds->drop_unused(open(peer, key, "a topic"));
  settle(peer);
  reader.reset();
  settle(peer);
  CHECK(peer.backend.list_feeds()->size() == 1);
}

TEST_CASE_FIXTURE(LibraryFixture, "who seeks or serves a feed counts as long as it holds that") {
  auto& peer = add();
  const auto own = make_feed(peer, 1);
  const auto& open = *peer.feeds->find(own.number());
  {
    const auto first = peer.feeds->search(own.number());
    auto second = peer.feeds->search(own.number());
    const auto moved = std::move(second);
    const auto served = peer.feeds->serve(own.number());
    CHECK(open.searchers == 2);
    CHECK(open.servers == 1);
  }
  CHECK(open.searchers == 0);
  CHECK(open.servers == 0);
}
