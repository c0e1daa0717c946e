#pragma once

// The files of a database, as RocksDB sees them: logs that have their length before their contents
// (log_in_place.hpp), what must exist written down (inventory.hpp), and a write that failed taken
// back.
//
// A log whose append or sync failed is cut to where the last successful write ended, and takes
// nothing more. So what was reported as failed is not there when the log is read again: RocksDB
// itself would leave it to chance.

#include <rocksdb/env.h>

#include <memory>

#include "store/rocksdb/inventory.hpp"

namespace cip::store {

// `base` and `inventory` live on in it; `base` nullptr: the system's files. The result outlives the
// database.
std::unique_ptr<rocksdb::Env> make_database_files(rocksdb::Env* base,
                                                  std::shared_ptr<Inventory> inventory);

// The same files as RocksDB sees them that shall not read a log: none are listed. For a database
// that is opened to be read alone.
std::unique_ptr<rocksdb::Env> make_files_without_logs(rocksdb::Env& files);

}  // namespace cip::store
