#include "store/saved_formats.hpp"

#include <doctest/doctest.h>

#include <array>

#include "store/manifest.hpp"
#include "store/records.hpp"
#include "store/table_keys.hpp"

namespace cip::store {

namespace {

constexpr std::array kOwners{OwnersFormat{Table::meta, "contacts/", "the list of contacts", 1},
                             OwnersFormat{Table::records, "own/", "a value that was put", 3}};

std::string told(Table table, const Bytes& key, const Bytes& value) {
  return later_format(table, key, value, kOwners);
}

Bytes framed(std::uint8_t inner) {
  return save_record(kExpiringVersion, ExpiringRecord{{}, {inner}, {}});
}

}  // namespace

TEST_CASE("every numbered kind of entry says which later format it has") {
  const Bytes32 key{};
  struct Kind {
    Table table;
    Bytes key;
    std::uint8_t latest;
    const char* what;
  };
  const std::array kinds{
      Kind{Table::meta, keys::feed(1), kFeedRecordVersion, "the entry of a feed"},
      Kind{Table::meta, keys::ring(key), kRingKeyVersion, "a key of the key ring"},
      Kind{Table::meta, keys::state("contacts/default"), 1, "the list of contacts"},
      Kind{Table::feeds, keys::head(1), kHeadVersion, "the head of a feed"},
      Kind{Table::feeds, keys::manifest(1), kMaxManifestVersion, "the manifest of a feed"},
      Kind{Table::feeds, keys::equivocation(1), kEquivocationVersion,
           "the evidence against a feed"},
      Kind{Table::topics, keys::topic(key), kTopicVersion, "the entry of a topic"},
      Kind{Table::records, keys::record("x/default", key), kExpiringVersion,
           "the frame of a record"}};
  for (const auto& kind : kinds) {
    const auto later = static_cast<std::uint8_t>(kind.latest + 1);
    CAPTURE(kind.what);
    CHECK(told(kind.table, kind.key, {kind.latest}).empty());
    CHECK(told(kind.table, kind.key, {later}) == later_format(kind.what, later, kind.latest));
  }
  CHECK(later_format("it", 2, 1) == "it has format 2, and this program reads 1");
}

TEST_CASE("the layout of a database is numbered, and what an owner puts into a record") {
  const Bytes32 key{};
  CHECK(told(Table::meta, keys::format(), {kStoreFormat, 0, 0, 0}).empty());
  CHECK(told(Table::meta, keys::format(), {kStoreFormat + 1, 0, 0, 0}).starts_with("its layout"));
  CHECK(told(Table::records, keys::record("own/default", key), framed(3)).empty());
  CHECK(told(Table::records, keys::record("own/default", key), framed(4)) ==
        later_format("a value that was put", 4, 3));
}

TEST_CASE("what has no number is of no later format, nor is what is damaged") {
  const Bytes32 key{};
  CHECK(told(Table::meta, keys::instance(), {9}).empty());
  CHECK(told(Table::meta, keys::next_feed(), {9, 0, 0, 0}).empty());
  CHECK(told(Table::meta, keys::state("restored/x"), {9}).empty());
  CHECK(told(Table::meta, keys::feed_name("format"), {9}).empty());
  CHECK(told(Table::feeds, keys::page(1, keys::kBlockPages, 0), {9}).empty());
  CHECK(told(Table::topics, keys::cursor(key, "reader", 1), {9}).empty());
  CHECK(told(Table::records, keys::record("records/default", key), framed(9)).empty());
  CHECK(told(Table::meta, keys::format(), {9}).empty());
  CHECK(told(Table::meta, keys::feed(1), {}).empty());
  CHECK(told(Table::meta, {}, {9}).empty());
}

}  // namespace cip::store
