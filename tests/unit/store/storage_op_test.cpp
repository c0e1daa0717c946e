// What is asked of a home's disk, run on a whole backend.

#include "store/storage_op.hpp"

#include <doctest/doctest.h>

#include "tests/unit/store/backend_fixture.hpp"

namespace cip::store {

using namespace cip::test;

namespace {

template <typename Op>
typename Op::Answer ask(Backend& backend, const Op& op) {
  return std::get<typename Op::Answer>(run(backend, op));
}

FreshSecrets fresh(std::uint64_t seed) {
  SeededRandom random(seed);
  return FreshSecrets::draw(random);
}

CreateFeedOp make(const std::string& name, bool encrypted = false) {
  CreateFeedOp op{key_of(1), {}, fresh(name.size())};
  op.wanted.name = name;
  op.wanted.encrypted = encrypted;
  return op;
}

OpenFeedOp by_name(std::string name) {
  OpenFeedOp op;
  op.primary_key = key_of(1);
  op.name = std::move(name);
  return op;
}

OpenFeedOp by_key(const Bytes32& key, bool create) {
  OpenFeedOp op;
  op.primary_key = key_of(1);
  op.key = key;
  op.create = create;
  return op;
}

}  // namespace

TEST_CASE("a feed is made, opened by name and key, renamed, listed and dropped") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto made = ask(backend, make("log"));
  REQUIRE(made);
  CHECK(ask(backend, make("log")).error() == Errc::exists);
  CHECK(ask(backend, by_name("log"))->record.number == made->record.number);
  CHECK(ask(backend, by_key(made->record.key, false))->signer.has_value());
  CHECK(ask(backend, by_name("none")).error() == Errc::not_found);

  auto record = made->record;
  record.name = "diary";
  REQUIRE(ask(backend, UpdateFeedOp{record}));
  CHECK(ask(backend, by_name("log")).error() == Errc::not_found);
  const auto listed = ask(backend, ListFeedsOp{});
  REQUIRE(listed);
  REQUIRE(listed->size() == 1);
  CHECK(listed->front().name == "diary");

  REQUIRE(ask(backend, DropFeedOp{key_of(1), record.number}));
  CHECK(ask(backend, ListFeedsOp{})->empty());
  CHECK(ask(backend, ReclaimOp{record.number}));
}

TEST_CASE("a feed of an unknown key is added only when that was asked for") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  CHECK(ask(backend, by_key(key_of(9), false)).error() == Errc::not_found);
  auto wanted = by_key(key_of(9), true);
  wanted.disk_class = DiskClass::kept;
  wanted.topic = key_of(5);
  const auto added = ask(backend, wanted);
  REQUIRE(added);
  CHECK(added->record.disk_class == DiskClass::kept);
  CHECK(added->record.topic == key_of(5));
  CHECK(ask(backend, by_key(key_of(9), false)));
  REQUIRE(ask(backend, EvictFeedOp{added->record.number}));
  CHECK(ask(backend, by_key(key_of(9), false)).error() == Errc::not_found);
}

TEST_CASE("a reader's key is checked by the step that opens the feed, and not kept") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto secret = ask(backend, make("secret", true));
  REQUIRE(secret);
  REQUIRE(ask(backend, make("plain")));
  auto read = by_name("secret");
  read.encryption_key = key_of(7);
  CHECK(ask(backend, read).error() == Errc::wrong_encryption_key);
  read.name = "plain";
  CHECK(ask(backend, read).error() == Errc::not_encrypted);
  read.name = "secret";
  read.encryption_key = secret->encryption_key;
  CHECK(ask(backend, read));
  const auto ring = ask(backend, FindRingKeyOp{secret->record.key});
  REQUIRE(ring);
  REQUIRE(ring->has_value());
  CHECK((*ring)->encryption_key == secret->encryption_key);
  CHECK_FALSE(ask(backend, FindRingKeyOp{key_of(99)})->has_value());
}

TEST_CASE("what feeds take of the disk says who may be evicted") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto own = ask(backend, make("log"));
  REQUIRE(own);
  auto of_topic = by_key(key_of(9), true);
  of_topic.topic = key_of(5);
  const auto other = ask(backend, of_topic);
  REQUIRE(other);
  const auto shares = ask(backend, ListSharesOp{});
  REQUIRE(shares);
  REQUIRE(shares->size() == 2);
  CHECK(shares->front().disk_class == DiskClass::own);
  CHECK_FALSE(shares->front().in_topic);
  CHECK(shares->back().in_topic);
  CHECK(shares->back().in_use);
}

TEST_CASE("a topic is added once, found with its feeds and states, and goes with them") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  TopicRecord record;
  record.id = key_of(2);
  record.key = key_of(3);
  record.name = "news";
  const OpenTopicOp open{record, {"memory", "clock"}};
  CHECK_FALSE(ask(backend, CheckTopicOp{record.id})->has_value());
  const auto first = ask(backend, open);
  REQUIRE(first);
  CHECK(first->feeds.empty());
  CHECK(first->states == std::vector<std::optional<Bytes>>(2));

  auto feed = by_key(key_of(9), true);
  feed.topic = record.id;
  REQUIRE(ask(backend, feed));
  REQUIRE(ask(backend, PutStateOp{"clock", Bytes{1, 2}, true}));
  const auto again = ask(backend, open);
  REQUIRE(again);
  CHECK(again->feeds.size() == 1);
  CHECK_FALSE(again->states[0].has_value());
  CHECK(again->states[1] == Bytes{1, 2});
  CHECK(ask(backend, ListTopicsOp{})->size() == 1);

  REQUIRE(ask(backend, DropTopicOp{record.id, open.states}));
  CHECK(ask(backend, ListTopicsOp{})->empty());
  CHECK_FALSE(*backend.find_state("clock"));
}

TEST_CASE("cursors are kept by feed and found by its key") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto number = ask(backend, by_key(key_of(9), true))->record.number;
  REQUIRE(ask(backend, WriteCursorsOp{key_of(2), "reader", {{number, 7}}}));
  REQUIRE(ask(backend, WriteCursorsOp{key_of(2), "reader", {}}));
  const auto found = ask(backend, ReadCursorsOp{key_of(2), "reader"});
  REQUIRE(found);
  CHECK(*found == std::map<Bytes32, std::uint64_t>{{key_of(9), 7}});
  CHECK(ask(backend, ReadCursorsOp{key_of(2), "other"})->empty());
  REQUIRE(ask(backend, EvictFeedOp{number}));
  CHECK(ask(backend, ReadCursorsOp{key_of(2), "reader"})->empty());
}

TEST_CASE("records are written in one go; those expired, or dated far ahead, are tidied away") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  WriteRecordsOp writes;
  for (std::uint8_t i = 1; i <= 4; ++i)
    writes.writes.push_back({"t", key_of(i), Bytes(i), UnixMillis{i * 100u}});
  REQUIRE(ask(backend, writes));
  REQUIRE(ask(backend, WriteRecordsOp{{{"t", key_of(3), std::nullopt, {}}}}));
  TidyRecordsOp tidy;
  tidy.wall = UnixMillis{150};
  tidy.latest = UnixMillis{350};
  tidy.tables = {"t"};
  tidy.overhead = 10;
  CHECK(ask(backend, tidy) == std::uint64_t{12});  // the second alone is left
  CHECK(backend.list_records("t")->size() == 1);
}

TEST_CASE("secrets go out and come in as one file") {
  const auto from = make_backend_fixture();
  const auto to = make_backend_fixture();
  const auto made = ask(from->backend(), make("log"));
  REQUIRE(made);
  const auto bytes = ask(from->backend(), ExportIdentityOp{key_of(1)});
  REQUIRE(bytes);
  auto given = parse_identity_export(*bytes);
  REQUIRE(given);
  const auto imported = ask(to->backend(), ImportIdentityOp{std::move(*given)});
  REQUIRE(imported);
  CHECK(imported->feeds == std::vector<Bytes32>{made->record.key});
}

TEST_CASE("a trial write leaves nothing, a barrier does nothing") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  REQUIRE(ask(backend, TryWriteOp{}));
  CHECK_FALSE(*backend.find_state("health"));
  REQUIRE(ask(backend, PutStateOp{"a", {}, false}));
  REQUIRE(ask(backend, DropStateOp{"a"}));
  CHECK_FALSE(*backend.find_state("a"));
  CHECK(ask(backend, BarrierOp{}));
  CHECK(ask(backend, ForgetCachedOp{}));
}

}  // namespace cip::store
