#include "node/saved_formats.hpp"

#include "dht/record_change.hpp"
#include "node/author_memory.hpp"
#include "node/contacts.hpp"
#include "node/own_clock.hpp"
#include "node/record_keeper.hpp"

namespace cip::node {

std::vector<store::OwnersFormat> saved_formats() {
  using store::Table;
  std::vector<store::OwnersFormat> out{
      {Table::meta, kContactsBegin, "the list of contacts", kContactsVersion},
      {Table::meta, kNamesBegin, "the list of names of contacts", kContactsVersion},
      {Table::meta, kAuthorsBegin, "what is known of the authors of a topic", kAuthorsVersion},
      {Table::meta, kClockBegin, "what is known of the clock of this home", kClockVersion},
      {Table::records, kOwnValuesBegin, "a value that this home put", kOwnValueVersion}};
  for (const auto table : dht::kRecordTables) {
    out.push_back(
        {Table::records, dht::name_of(table), "a record of the DHT", dht::kRecordVersion});
  }
  return out;
}

}  // namespace cip::node
