#include <doctest/doctest.h>

#include "base/random.hpp"
#include "tests/unit/store/backend_fixture.hpp"

namespace cip::store {

using namespace cip::test;

TEST_CASE("a feed is found by number, key, discovery key and name") {
  const auto fixture = make_backend_fixture();
  store::FeedRecord record;
  record.key = key_of(3);
  record.name = "log";
  record.disk_class = store::DiskClass::own;
  record.writable = true;
  record.encrypted = true;
  record.topic = key_of(4);
  record.created = UnixMillis{1700000000123};
  const auto made = fixture->backend().create_feed(record);
  REQUIRE(made.has_value());
  fixture->reopen();
  auto& backend = fixture->backend();
  for (const auto& found : {backend.find_feed(made->number), backend.find_feed_by_key(record.key),
                            backend.find_feed_by_discovery_key(discovery_key(record.key)),
                            backend.find_feed_by_name("log")}) {
    REQUIRE(found.has_value());
    CHECK(found->number == made->number);
    CHECK(found->key == record.key);
    CHECK(found->discovery_key == discovery_key(record.key));
    CHECK(found->name == "log");
    CHECK(found->disk_class == store::DiskClass::own);
    CHECK(found->writable);
    CHECK_FALSE(found->seeded);
    CHECK(found->encrypted);
    CHECK(found->topic == key_of(4));
    CHECK(found->created == record.created);
  }
  CHECK(backend.find_feed_by_name("other").error() == Errc::not_found);
  CHECK(backend.find_feed_by_key(key_of(9)).error() == Errc::not_found);
  CHECK(backend.list_topic_feeds(key_of(4))->size() == 1);
  CHECK(backend.list_topic_feeds(key_of(5))->empty());
}

TEST_CASE("a key or a name is given once") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  store::FeedRecord record;
  record.key = key_of(1);
  record.name = "log";
  REQUIRE(backend.create_feed(record).has_value());
  CHECK(backend.create_feed(record).error() == Errc::exists);
  record.key = key_of(2);
  CHECK(backend.create_feed(record).error() == Errc::exists);
  record.name = "other";
  CHECK(backend.create_feed(record).has_value());
}

TEST_CASE("an update changes what may change and keeps the indexes right") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  auto record = new_feed(backend, 1);
  auto named = new_feed(backend, 2);
  named.name = "taken";
  REQUIRE(backend.update_feed(named).has_value());

  record.name = "taken";
  CHECK(backend.update_feed(record).error() == Errc::exists);
  record.name = "mine";
  record.seeded = true;
  record.topic = key_of(7);
  record.key = key_of(8);  // ignored
  REQUIRE(backend.update_feed(record).has_value());
  fixture->reopen();
  CHECK(fixture->backend().find_feed_by_name("mine")->key == key_of(1));
  CHECK(fixture->backend().find_feed_by_name("mine")->seeded);
  CHECK(fixture->backend().list_topic_feeds(key_of(7))->size() == 1);

  record.name.clear();
  record.topic.reset();
  REQUIRE(fixture->backend().update_feed(record).has_value());
  CHECK(fixture->backend().find_feed_by_name("mine").error() == Errc::not_found);
  CHECK(fixture->backend().list_topic_feeds(key_of(7))->empty());
}

TEST_CASE("a dropped feed takes its contents along and its number is not used again") {
  const auto fixture = make_backend_fixture();
  auto& backend = fixture->backend();
  const auto gone = new_feed(backend, 1);
  const auto stays = new_feed(backend, 2);
  auto op = append_op(gone.number, 0, 500, 100);
  op.block_pages = {page_of(0, {1})};
  REQUIRE(backend.commit(op).has_value());
  REQUIRE(backend.commit(append_op(stays.number, 0, 500, 100)).has_value());
  REQUIRE(backend.put_cursors(key_of(5), "me", {{gone.number, 3}, {stays.number, 4}}).has_value());
  REQUIRE(backend.drop_feed(gone.number).has_value());

  CHECK(backend.find_feed_by_key(gone.key).error() == Errc::not_found);
  CHECK(backend.read({gone.number, {}, {0}}).error() == Errc::not_found);
  CHECK(backend.load_feed(gone.number).error() == Errc::not_found);
  CHECK(backend.commit(op).error() == Errc::not_found);
  CHECK(backend.drop_feed(gone.number).error() == Errc::not_found);
  CHECK(backend.list_cursors(key_of(5), "me")->size() == 1);
  CHECK(backend.read({stays.number, {}, {499}})->blocks[0] == block_at(499, 100));

  fixture->reopen();
  const auto again = new_feed(fixture->backend(), 1);
  CHECK(again.number > stays.number);
  CHECK_FALSE(fixture->backend().load_feed(again.number)->head.has_value());
  CHECK(fixture->backend().list_feeds()->size() == 2);
}

TEST_CASE("the key ring keeps every kind of secret") {
  const auto fixture = make_backend_fixture();
  store::RingKey random_feed;
  random_feed.key = key_of(1);
  random_feed.seed = key_of(11);
  random_feed.encryption_key = key_of(12);
  store::FeedRecord record;
  record.key = key_of(1);
  REQUIRE(fixture->backend().create_feed(record, {}, random_feed).has_value());
  store::RingKey derived;
  derived.key = key_of(2);
  derived.derived_name = "notes";
  derived.dropped = true;
  REQUIRE(fixture->backend().put_ring_key(derived).has_value());

  fixture->reopen();
  auto& backend = fixture->backend();
  CHECK(backend.list_ring_keys()->size() == 2);
  const auto found = backend.find_ring_key(key_of(1));
  REQUIRE((found.has_value() && found->has_value()));
  CHECK((*found)->seed == key_of(11));
  CHECK((*found)->encryption_key == key_of(12));
  CHECK((*backend.find_ring_key(key_of(2)))->derived_name == "notes");
  CHECK((*backend.find_ring_key(key_of(2)))->dropped);
  CHECK_FALSE(backend.find_ring_key(key_of(3))->has_value());
}

TEST_CASE("topics and the cursors of their subscribers are kept apart") {
  const auto fixture = make_backend_fixture();
  REQUIRE(fixture->backend().put_topic({key_of(1), key_of(2), "news", UnixMillis{5}}).has_value());
  REQUIRE(fixture->backend().put_topic({key_of(3), key_of(4), "", UnixMillis{6}}).has_value());
  REQUIRE(fixture->backend().put_cursors(key_of(1), "a", {{1, 10}, {2, 20}}).has_value());
  REQUIRE(fixture->backend().put_cursors(key_of(1), "a", {{2, 21}}).has_value());
  REQUIRE(fixture->backend().put_cursors(key_of(1), "ab", {{1, 99}}).has_value());
  fixture->reopen();
  auto& backend = fixture->backend();
  CHECK(backend.list_topics()->size() == 2);
  CHECK((*backend.find_topic(key_of(1)))->name == "news");
  CHECK((*backend.find_topic(key_of(3)))->key == key_of(4));
  const auto cursors = backend.list_cursors(key_of(1), "a");
  REQUIRE(cursors->size() == 2);
  CHECK((*cursors)[0].length == 10);
  CHECK((*cursors)[1].length == 21);
  REQUIRE(backend.drop_topic(key_of(1)).has_value());
  CHECK_FALSE(backend.find_topic(key_of(1))->has_value());
  CHECK(backend.list_cursors(key_of(1), "ab")->empty());
}

TEST_CASE("records are kept by table until they expire") {
  const auto fixture = make_backend_fixture();
  REQUIRE(fixture->backend().put_record("a", {key_of(1), {1, 2}, UnixMillis{100}}).has_value());
  REQUIRE(fixture->backend().put_record("a", {key_of(2), {3}, UnixMillis{200}}).has_value());
  REQUIRE(fixture->backend().put_record("ab", {key_of(1), {}, UnixMillis{100}}).has_value());
  fixture->reopen();
  auto& backend = fixture->backend();
  CHECK((*backend.find_record("a", key_of(1)))->value == Bytes{1, 2});
  CHECK((*backend.find_record("a", key_of(1)))->key == key_of(1));
  CHECK(backend.list_records("a")->size() == 2);
  CHECK(backend.list_records("a")->at(1).key == key_of(2));
  CHECK(backend.expire_records(UnixMillis{99}) == 0U);
  CHECK(backend.expire_records(UnixMillis{100}) == 2U);
  CHECK_FALSE(backend.find_record("a", key_of(1))->has_value());
  CHECK(backend.list_records("ab")->empty());
  REQUIRE(backend.drop_record("a", key_of(2)).has_value());
  CHECK(backend.list_records("a")->empty());
}

TEST_CASE("small state and the database instance outlive the process") {
  const auto fixture = make_backend_fixture();
  const auto instance = fixture->backend().instance();
  REQUIRE(fixture->backend().put_state("contacts/default", Bytes{1, 2, 3}, true).has_value());
  REQUIRE(fixture->backend().put_state("empty", {}).has_value());
  fixture->reopen();
  CHECK(fixture->backend().instance() == instance);
  CHECK(*fixture->backend().find_state("contacts/default") == Bytes{1, 2, 3});
  CHECK(*fixture->backend().find_state("empty") == Bytes{});
  CHECK_FALSE(fixture->backend().find_state("other")->has_value());
  REQUIRE(fixture->backend().drop_state("empty").has_value());
  CHECK_FALSE(fixture->backend().find_state("empty")->has_value());
}

}  // namespace cip::store
