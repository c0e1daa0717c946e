// Feeds on a whole backend: what the storage pool of a node does, without the pool.

#include "store/feed_store.hpp"

#include <doctest/doctest.h>

#include "tests/unit/store/backend_fixture.hpp"

namespace cip::store {

using namespace cip::test;

namespace {

// Runs what the feed asks of the disk until it asks nothing; returns its events.
std::vector<FeedEvent> drain(Backend& backend, Feed& feed) {
  std::vector<FeedEvent> events;
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
  while (auto event = feed.poll_event()) events.push_back(std::move(*event));
  return events;
}

// The first event of a kind; fails the test when there is none.
template <typename E>
E find_event(const std::vector<FeedEvent>& events) {
  for (const auto& event : events) {
    if (const auto* found = std::get_if<E>(&event)) return *found;
  }
  FAIL("no such event");
  return {};
}

void append(Backend& backend, OpenFeed& open, std::uint64_t n) {
  std::vector<Bytes> blocks;
  for (std::uint64_t i = 0; i < n; ++i) blocks.push_back(block_at(open.feed.length() + i, 60));
  REQUIRE(open.feed.append(std::move(blocks), *open.signer).has_value());
  const auto appended = find_event<Appended>(drain(backend, open.feed));
  CHECK(appended.length == open.feed.length());
}

Bytes read(Backend& backend, Feed& feed, std::uint64_t index) {
  feed.read(index);
  return find_event<BlockRead>(drain(backend, feed)).value.value();
}

// What `reader` asks `writer` for block `index`, with an upgrade when it is shorter.
void fetch(Backend& from, Feed& writer, Backend& to, Feed& reader, std::uint64_t index) {
  ProofRequest request;
  request.fork = writer.fork();
  request.block = BlockRequest{index, reader.wanted_nodes(index)};
  if (reader.length() < writer.length()) {
    request.upgrade = UpgradeRequest{reader.length(), writer.length() - reader.length()};
  }
  request.manifest = !reader.has_manifest();
  writer.prove(request);
  auto proof = find_event<ProofReady>(drain(from, writer)).proof;
  REQUIRE(proof.has_value());
  reader.apply(std::move(*proof));
  find_event<Applied>(drain(to, reader));
}

FreshSecrets fresh(std::uint64_t seed) {
  SeededRandom random(seed);
  return FreshSecrets::draw(random);
}

}  // namespace

TEST_CASE("feeds of every kind grow, close and open again with what they held") {
  for (int kind = 0; kind < 4; ++kind) {
    CAPTURE(kind);
    const auto fixture = make_backend_fixture();
    NewWriter wanted;
    wanted.name = "log";
    wanted.compat = kind == 1;
    wanted.derived = kind == 2;
    wanted.encrypted = kind == 3;
    Bytes32 tree_hash{};
    {
      FeedStore feeds(fixture->backend(), key_of(1));
      auto open = feeds.create(wanted, fresh(5)).value();
      CHECK(open.feed.is_compat() == wanted.compat);
      CHECK(open.cipher().has_value() == wanted.encrypted);
      for (int i = 0; i < 5; ++i) append(fixture->backend(), open, 7);
      tree_hash = open.feed.tree_hash();
    }
    fixture->reopen();
    FeedStore feeds(fixture->backend(), key_of(1));
    auto open = feeds.open(fixture->backend().find_feed_by_name("log")->number).value();
    CHECK(open.record.disk_class == DiskClass::own);
    CHECK(open.feed.length() == 35);
    CHECK(open.feed.tree_hash() == tree_hash);
    CHECK(open.feed.contiguous_length() == 35);
    CHECK(read(fixture->backend(), open.feed, 33) == block_at(33, 60));
    REQUIRE(open.signer.has_value());
    append(fixture->backend(), open, 1);
    CHECK(open.feed.length() == 36);
  }
}

TEST_CASE("a replica fills block by block and serves after a restart") {
  const auto home = make_backend_fixture();
  const auto away = make_backend_fixture();
  FeedStore writers(home->backend(), key_of(1));
  auto writer = writers.create({}, fresh(5)).value();
  append(home->backend(), writer, 100);
  NewReplica wanted;
  wanted.key = writer.record.key;
  wanted.disk_class = DiskClass::kept;
  {
    FeedStore readers(away->backend(), key_of(2));
    auto reader = readers.open_replica(wanted).value();
    CHECK_FALSE(reader.signer.has_value());
    for (std::uint64_t i = 0; i < 100; i += 3) {
      fetch(home->backend(), writer.feed, away->backend(), reader.feed, i);
    }
  }
  away->reopen();
  FeedStore readers(away->backend(), key_of(2));
  auto reader = readers.open_replica(wanted).value();
  CHECK(reader.record.disk_class == DiskClass::kept);
  CHECK(reader.feed.length() == 100);
  CHECK(reader.feed.has(99));
  CHECK_FALSE(reader.feed.has(98));
  fetch(home->backend(), writer.feed, away->backend(), reader.feed, 98);

  const auto third = make_backend_fixture();
  FeedStore others(third->backend(), key_of(3));
  auto other = others.open_replica(wanted).value();
  fetch(away->backend(), reader.feed, third->backend(), other.feed, 98);
  CHECK(read(third->backend(), other.feed, 98) == block_at(98, 60));
  CHECK(other.feed.tree_hash() == writer.feed.tree_hash());
}

TEST_CASE("truncated and cleared blocks are gone for good, the rest opens and verifies") {
  const auto fixture = make_backend_fixture();
  FeedNumber number = 0;
  {
    FeedStore feeds(fixture->backend(), key_of(1));
    auto open = feeds.create({}, fresh(5)).value();
    number = open.record.number;
    append(fixture->backend(), open, 50);
    REQUIRE(open.feed.clear(10, 20).has_value());
    drain(fixture->backend(), open.feed);
    REQUIRE(open.feed.truncate(30, *open.signer).has_value());
    find_event<Truncated>(drain(fixture->backend(), open.feed));
    append(fixture->backend(), open, 5);
  }
  fixture->reopen();
  FeedStore feeds(fixture->backend(), key_of(1));
  auto open = feeds.open(number).value();
  CHECK(open.feed.length() == 35);
  CHECK(open.feed.fork() == 1);
  CHECK_FALSE(open.feed.has(15));
  CHECK(read(fixture->backend(), open.feed, 29) == block_at(29, 60));
  CHECK(read(fixture->backend(), open.feed, 34) == block_at(34, 60));
  const auto gone = fixture->backend().read({number, {}, {9, 15, 34, 40}});
  CHECK(gone->blocks[0].has_value());
  CHECK_FALSE(gone->blocks[1].has_value());
  CHECK(gone->blocks[2].has_value());
  CHECK_FALSE(gone->blocks[3].has_value());
}

TEST_CASE("a dropped feed leaves no secret, and a derived name cannot start again") {
  const auto fixture = make_backend_fixture();
  FeedStore feeds(fixture->backend(), key_of(1));
  NewWriter derived;
  derived.name = "notes";
  derived.derived = true;
  const auto notes = feeds.create(derived, fresh(5)).value().record;
  CHECK(feeds.create(derived, fresh(6)).error() == Errc::exists);
  NewWriter named;
  named.name = "log";
  const auto log = feeds.create(named, fresh(7)).value().record;
  REQUIRE(feeds.drop(notes.number).has_value());
  REQUIRE(feeds.drop(log.number).has_value());

  CHECK(feeds.create(derived, fresh(8)).error() == Errc::spent_name);
  CHECK(feeds.create(named, fresh(9)).has_value());
  NewReplica replica;
  replica.key = log.key;
  CHECK_FALSE(feeds.open_replica(replica).value().signer.has_value());
  replica.key = notes.key;
  CHECK_FALSE(feeds.open_replica(replica).value().signer.has_value());
  CHECK(feeds.open(log.number).error() == Errc::not_found);
}

TEST_CASE("own feeds are marked as restored until the mark is dropped, and no others are") {
  const auto fixture = make_backend_fixture();
  {
    FeedStore feeds(fixture->backend(), key_of(1));
    CHECK_FALSE(feeds.create({.name = "log"}, fresh(5)).value().is_restored);
    CHECK_FALSE(feeds.create({.name = "notes", .derived = true}, fresh(6)).value().is_restored);
    REQUIRE(feeds.open_replica({.key = key_of(9)}).has_value());
    CHECK(feeds.mark_restored().value() == 2);
  }
  fixture->reopen();
  auto& backend = fixture->backend();
  FeedStore feeds(backend, key_of(1));
  const auto log = backend.find_feed_by_name("log").value();
  const auto notes = backend.find_feed_by_name("notes").value();
  CHECK(feeds.open(log.number).value().is_restored);
  CHECK(feeds.open(notes.number).value().is_restored);
  CHECK_FALSE(feeds.open(key_of(9)).value().is_restored);
  CHECK_FALSE(feeds.create({.name = "later"}, fresh(7)).value().is_restored);
  REQUIRE(backend.drop_state(restored_state(log.key)).has_value());
  CHECK_FALSE(feeds.open(log.number).value().is_restored);
  CHECK(feeds.open(notes.number).value().is_restored);
}

TEST_CASE("a reader's encryption key is checked against what is known of the feed") {
  const auto fixture = make_backend_fixture();
  FeedStore feeds(fixture->backend(), key_of(1));
  NewWriter wanted;
  wanted.name = "plain";
  const auto plain = feeds.create(wanted, fresh(5)).value();
  CHECK(check_encryption_key(plain, key_of(8)).error() == Errc::not_encrypted);
  wanted.name = "secret";
  wanted.encrypted = true;
  const auto secret = feeds.create(wanted, fresh(6)).value();
  CHECK(check_encryption_key(secret, *secret.encryption_key));
  CHECK(check_encryption_key(secret, key_of(8)).error() == Errc::wrong_encryption_key);
  NewReplica replica;
  replica.key = key_of(7);
  const auto unknown = feeds.open_replica(replica).value();
  CHECK_FALSE(unknown.cipher().has_value());
  CHECK(check_encryption_key(unknown, key_of(8)));
}

}  // namespace cip::store
