#pragma once

// The RocksDB database of a home: its options, column families and the checks on opening.

#include <rocksdb/cache.h>
#include <rocksdb/db.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/rocksdb/inventory.hpp"
#include "store/rocksdb/rocks_backend.hpp"
#include "store/table_backend.hpp"

namespace cip::store {

// The first four are those of Table.
enum class Family { meta, feeds, topics, records, nodes, blocks };
inline constexpr std::size_t kFamilies = 6;
inline Family family_of(Table table) { return static_cast<Family>(table); }

enum class OpenMode {
  usual,
  to_free,     // on a full disk: writes as little as it can
  no_tidying,  // leaves the tables as they are: compactions have failed on them
};

class Database {
 public:
  // `problem`: what is wrong, in words, where the error alone does not say it. A folder that is not
  // as it was left (inventory.hpp) is not changed in any way.
  static Result<std::unique_ptr<Database>> open(const RocksOptions& options, OpenMode mode,
                                                std::string& problem);
  // As it is, without writing anything; for when it cannot be opened otherwise.
  static Result<std::unique_ptr<Database>> open_to_read(const RocksOptions& options);
  // Makes a manifest from the tables in the folder, which has no logs; whether family blocks has
  // any.
  static Result<bool> repair(const RocksOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() { return *db_; }
  rocksdb::Cache& cache() { return *cache_; }
  // Ends what OpenMode::to_free put off.
  void tidy_again();
  Inventory& inventory() { return *inventory_; }
  rocksdb::ColumnFamilyHandle* family(Family which) {
    return handles_[static_cast<std::size_t>(which)];
  }

 private:
  Database() = default;
  // Whether the database is to be made.
  Result<bool> check(const RocksOptions& options, std::string& problem);
  rocksdb::Status open(const rocksdb::DBOptions& options, const std::string& folder,
                       const std::vector<rocksdb::ColumnFamilyDescriptor>& families);
  void take(rocksdb::DB* opened, const std::vector<rocksdb::ColumnFamilyHandle*>& handles);

  std::shared_ptr<Inventory> inventory_;
  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilies> handles_{};
};

}  // namespace cip::store
