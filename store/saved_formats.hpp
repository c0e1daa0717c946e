#pragma once

// The numbers of formats in a database. An entry of a kind that changes its shape gets a higher one
// (records.hpp); a program that does not know it leaves the whole database alone.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "store/table_backend.hpp"

namespace cip::store {

// What the owner of a database keeps in it under names of his own, with the number of its format as
// the first byte.
struct OwnersFormat {
  Table table = Table::meta;  // meta: of put_state(); records: of put_record()
  std::string_view begins;    // how names of such states, or of such tables of records, begin
  std::string_view what;      // "the list of contacts"
  std::uint8_t latest = 1;    // the latest number that is read
};

// Says of an entry which format it has, if that is a later one than this program reads: "the list
// of contacts has format 2, and this program reads 1". Empty: it is not, or is damaged.
std::string later_format(Table table, ByteView key, ByteView value,
                         std::span<const OwnersFormat> owners);

// The sentence of that.
std::string later_format(std::string_view what, std::uint64_t found, std::uint64_t latest);

}  // namespace cip::store
