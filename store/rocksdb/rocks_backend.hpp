#pragma once

// The Backend of a home: one RocksDB database in one folder. Includes nothing of RocksDB.

#include <memory>
#include <string>

#include "base/random.hpp"
#include "store/backend.hpp"

namespace rocksdb {
class Env;
}

namespace cip::store {

struct RocksOptions {
  std::string folder;  // made when it does not exist; its parent must
  // Memory for writes not yet in files, over all column families. While one half is being written
  // out the other fills, so a little more is in use at times.
  std::size_t write_buffer_bytes = std::size_t{16} << 20;
  // RocksDB's own cache (index blocks and small tables); strict, so this is the most it takes.
  std::size_t block_cache_bytes = std::size_t{16} << 20;
  // Runs of tree nodes and of small blocks read lately, half for each.
  std::size_t run_cache_bytes = std::size_t{16} << 20;
  // A process has 1,024 by default; sockets need most of them.
  int max_open_files = 256;
  // Where files come from, for tests of failing disks; nullptr: the system. Outlives the backend.
  rocksdb::Env* env = nullptr;
};

// Opens or makes the database. `random` is used in the call only, to draw the instance of a new
// one. Errors: locked, not_writable, unknown_format, corrupt, full, io_failed.
[[nodiscard]] Result<std::unique_ptr<Backend>> open_rocks_backend(const RocksOptions& options,
                                                                  Random& random);

}  // namespace cip::store
