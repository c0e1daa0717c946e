#pragma once

// The Backend of a home: one RocksDB database in one folder. Includes nothing of RocksDB.

#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "store/backend.hpp"
#include "store/disk_recovery.hpp"
#include "store/file_pins.hpp"
#include "store/saved_formats.hpp"

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
  // What the owner of the database keeps in it that has a format of its own.
  std::vector<OwnersFormat> owners_formats;
  // It is what repair made of a damaged one (salvage.hpp): families may be missing.
  bool salvaged = false;
  // Where files come from, for tests of failing disks; nullptr: the system. Outlives the backend.
  rocksdb::Env* env = nullptr;
};

// Opens or makes the database. `random` is used in the call only, to draw the instance of a new
// one. `problem`, if asked for, says in words what the error does not, e.g. which file is missing.
// A database of which anything has a later format (unknown_format) is not changed in any way.
// Errors: locked, not_writable, unknown_format, corrupt, full, io_failed,
// std::errc::too_many_files_open.
[[nodiscard]] Result<std::unique_ptr<Backend>> open_rocks_backend(const RocksOptions& options,
                                                                  Random& random,
                                                                  std::string* problem = nullptr);
// The other faces of a backend that open_rocks_backend() made.
DiskRecovery& disk_recovery_of(Backend& backend);
FilePins& file_pins_of(Backend& backend);

}  // namespace cip::store
