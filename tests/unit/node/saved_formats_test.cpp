#include "node/saved_formats.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "dht/record_change.hpp"
#include "node/author_memory.hpp"
#include "node/contacts.hpp"
#include "node/own_clock.hpp"
#include "store/records.hpp"
#include "store/table_keys.hpp"

using namespace cip;
using namespace cip::node;

namespace {

// What a later program, whose number is one higher, makes of the same bytes.
std::string told(store::Table table, const Bytes& key, Bytes value) {
  return store::later_format(table, key, value, saved_formats());
}
std::string of_state(const std::string& name, Bytes value, bool is_later) {
  REQUIRE_FALSE(value.empty());
  if (is_later) ++value.front();
  return told(store::Table::meta, store::keys::state(name), value);
}
std::string of_record(const std::string& table, Bytes value, bool is_later) {
  REQUIRE_FALSE(value.empty());
  if (is_later) ++value.front();
  const auto framed = save_record(store::kExpiringVersion, store::ExpiringRecord{{}, value, {}});
  return told(store::Table::records, store::keys::record(table, {}), framed);
}

}  // namespace

TEST_CASE("whatever a node keeps under a name says its number, and a later one is noticed") {
  const std::vector<std::pair<std::string, Bytes>> states{
      {contacts_record("default"), save_record(kContactsVersion, std::vector<Endpoint>{})},
      {names_record("default"), save_names({"host:1"})},
      {author_memory_name({}), save_author_memories({})},
      {own_clock_name({}), OwnClock().save()}};
  for (const auto& [name, value] : states) {
    CAPTURE(name);
    CHECK(of_state(name, value, false).empty());
    CHECK_FALSE(of_state(name, value, true).empty());
  }
  CHECK(of_state("contact-card/default", {9}, false).empty());
  CHECK(of_state("published/x", {9}, false).empty());
}

TEST_CASE("records of the DHT are numbered in every table, and those of this home") {
  for (const auto table : dht::kRecordTables) {
    const auto name = std::string(dht::name_of(table)) + "/default";
    CAPTURE(name);
    CHECK(of_record(name, dht::save(Bytes{7}), false).empty());
    CHECK(of_record(name, dht::save(Bytes{7}), true).starts_with("a record of the DHT has format"));
  }
  CHECK(of_record("own/default", {1}, false).empty());
  CHECK(of_record("own/default", {1}, true).starts_with("a value that this home put has format"));
}
