#include "store/identity_export.hpp"

#include <doctest/doctest.h>

#include "store/feed_store.hpp"
#include "tests/unit/store/backend_fixture.hpp"

namespace cip::store {

using namespace cip::test;

namespace {

// Runs what the feed asks of the disk until it asks nothing.
void drain(Backend& backend, Feed& feed) {
  while (auto op = feed.poll_store_op()) {
    StoreResult result;
    if (const auto* read = std::get_if<ReadOp>(&op->op)) {
      result = backend.read(*read);
    } else {
      const auto done = backend.commit(*std::get<CommitPtr>(op->op));
      result = done ? StoreResult(ReadResult{}) : StoreResult(fail(done.error()));
    }
    feed.handle_store_done(op->id, std::move(result));
  }
  while (feed.poll_event()) {
  }
}

void append(Backend& backend, OpenFeed& open, std::uint64_t n) {
  std::vector<Bytes> blocks;
  for (std::uint64_t i = 0; i < n; ++i) blocks.push_back(block_at(open.feed.length() + i, 60));
  REQUIRE(open.feed.append(std::move(blocks), *open.signer).has_value());
  drain(backend, open.feed);
}

NewWriter writer(const std::string& name, int kind) {
  NewWriter wanted;
  wanted.name = name;
  wanted.compat = kind == 1;
  wanted.derived = kind == 2;
  wanted.encrypted = kind == 3;
  wanted.created = UnixMillis{77};
  return wanted;
}

FreshSecrets fresh(std::uint64_t seed) {
  SeededRandom random(seed);
  return FreshSecrets::draw(random);
}

// A home with feeds of every kind, of `length` blocks each, and a private topic.
struct Home {
  explicit Home(std::uint64_t length) {
    FeedStore feeds(backend(), kPrimary);
    for (int kind = 0; kind < 4; ++kind) {
      auto open =
          feeds.create(writer("feed" + std::to_string(kind), kind), fresh(kind + 5)).value();
      if (length > 0) append(backend(), open, length);
      keys.push_back(open.record.key);
      hashes.push_back(open.feed.tree_hash());
    }
    TopicRecord topic;
    topic.id = key_of(40);
    topic.key = key_of(41);
    REQUIRE(backend().put_topic(topic).has_value());
  }
  Backend& backend() { return fixture->backend(); }

  static inline const Bytes32 kPrimary = key_of(1);
  std::unique_ptr<BackendFixture> fixture = make_backend_fixture();
  std::vector<Bytes32> keys;
  std::vector<Bytes32> hashes;
};

}  // namespace

TEST_CASE("own feeds of every kind go on in another home where they ended") {
  for (const std::uint64_t length : {0, 1, 5, 8}) {
    CAPTURE(length);
    Home home(length);
    const auto bytes = export_identity(home.backend(), Home::kPrimary).value();
    const auto given = parse_identity_export(bytes).value();
    CHECK(given.primary_key == Home::kPrimary);
    const auto fixture = make_backend_fixture();
    const auto done = import_identity(fixture->backend(), given).value();
    CHECK(done.feeds.size() == 4);
    CHECK(done.topics.size() == 1);
    fixture->reopen();
    FeedStore feeds(fixture->backend(), Home::kPrimary);
    for (std::size_t i = 0; i < home.keys.size(); ++i) {
      auto open = feeds.open(home.keys[i]).value();
      CAPTURE(i);
      CHECK(open.record.name == "feed" + std::to_string(i));
      CHECK(open.record.writable);
      CHECK(open.record.created == UnixMillis{});
      CHECK(open.feed.length() == length);
      CHECK(open.feed.contiguous_length() == 0);
      if (length > 0) CHECK(open.feed.tree_hash() == home.hashes[i]);
      CHECK((*fixture->backend().find_ring_key(home.keys[i]))->encryption_key.has_value() ==
            (i == 3));
      REQUIRE(open.signer.has_value());
      append(fixture->backend(), open, 2);
      CHECK(open.feed.length() == length + 2);
    }
  }
}

TEST_CASE("a truncated feed keeps its fork") {
  Home home(6);
  FeedStore feeds(home.backend(), Home::kPrimary);
  {
    auto open = feeds.open(home.keys[0]).value();
    REQUIRE(open.feed.truncate(4, *open.signer).has_value());
    drain(home.backend(), open.feed);
  }
  const auto given =
      parse_identity_export(*export_identity(home.backend(), Home::kPrimary)).value();
  const auto fixture = make_backend_fixture();
  REQUIRE(import_identity(fixture->backend(), given).has_value());
  FeedStore there(fixture->backend(), Home::kPrimary);
  const auto open = there.open(home.keys[0]).value();
  CHECK(open.feed.length() == 4);
  CHECK(open.feed.fork() == 1);
}

TEST_CASE("importing again changes nothing, and a longer feed here stays") {
  Home home(3);
  const auto given =
      parse_identity_export(*export_identity(home.backend(), Home::kPrimary)).value();
  FeedStore feeds(home.backend(), Home::kPrimary);
  auto open = feeds.open(home.keys[0]).value();
  append(home.backend(), open, 4);
  const auto done = import_identity(home.backend(), given).value();
  CHECK(done.feeds.empty());
  CHECK(done.topics.empty());
  CHECK(done.keys == 0);
  CHECK(feeds.open(home.keys[0])->feed.length() == 7);
}

TEST_CASE("a feed of others that is here becomes an own one, and a taken name stays where it is") {
  Home home(3);
  const auto given =
      parse_identity_export(*export_identity(home.backend(), Home::kPrimary)).value();
  const auto fixture = make_backend_fixture();
  FeedStore feeds(fixture->backend(), Home::kPrimary);
  NewReplica replica;
  replica.key = home.keys[0];
  REQUIRE(feeds.open_replica(replica).has_value());
  REQUIRE(feeds.create(writer("feed1", 0), fresh(99)).has_value());
  const auto done = import_identity(fixture->backend(), given).value();
  CHECK(done.feeds.size() == 4);
  CHECK(done.renamed == 1);
  const auto open = feeds.open(home.keys[0]).value();
  CHECK(open.record.writable);
  CHECK(open.signer.has_value());
  CHECK(open.feed.length() == 3);
  CHECK(feeds.open(home.keys[1])->record.name.empty());
}

TEST_CASE("an export that was damaged anywhere is refused whole") {
  Home home(2);
  const auto bytes = export_identity(home.backend(), Home::kPrimary).value();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto damaged = bytes;
    damaged[at] ^= 1;
    CAPTURE(at);
    CHECK_FALSE(parse_identity_export(damaged));
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{10}, std::size_t{16}, std::size_t{60}, bytes.size() - 1}) {
    CHECK_FALSE(parse_identity_export(ByteView(bytes).first(size)));
  }
  auto longer = bytes;
  longer.push_back(0);
  CHECK(parse_identity_export(longer).error() == Errc::corrupt);
  CHECK(parse_identity_export(bytes_of("something else")).error() == Errc::unknown_format);
}

TEST_CASE("a head that its writer did not sign is refused") {
  Home home(2);
  auto given = parse_identity_export(*export_identity(home.backend(), Home::kPrimary)).value();
  given.feeds[0].head.length = 1;
  const auto fixture = make_backend_fixture();
  CHECK(import_identity(fixture->backend(), given).error() == Errc::corrupt);
  CHECK(fixture->backend().list_feeds()->empty());
}

}  // namespace cip::store
