#pragma once

// Whether a database is one of a later program, found out by reading alone: RocksDB changes a
// database by opening it.

#include <rocksdb/db.h>

#include <string>
#include <vector>

#include "store/rocksdb/rocks_backend.hpp"

namespace cip::store {

// Of what the format is a later one, as later_format() says it; empty: of nothing. `tables` is the
// database without its logs, `families` are in the order of Family, and the logs are those in the
// folder of `options`. What cannot be read is left for others to judge.
std::string find_later_format(rocksdb::DB& tables,
                              const std::vector<rocksdb::ColumnFamilyHandle*>& families,
                              const RocksOptions& options);

}  // namespace cip::store
