#pragma once

// The RocksDB database of a home: its options, column families and the checks on opening.

#include <rocksdb/cache.h>
#include <rocksdb/db.h>

#include <array>
#include <memory>

#include "base/result.hpp"
#include "store/rocksdb/rocks_backend.hpp"
#include "store/table_backend.hpp"

namespace cip::store {

// The first four are those of Table.
enum class Family { meta, feeds, topics, records, nodes, blocks };
inline constexpr std::size_t kFamilies = 6;
inline Family family_of(Table table) { return static_cast<Family>(table); }

class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const RocksOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() { return *db_; }
  rocksdb::Cache& cache() { return *cache_; }
  rocksdb::ColumnFamilyHandle* family(Family which) {
    return handles_[static_cast<std::size_t>(which)];
  }

 private:
  Database() = default;

  std::shared_ptr<rocksdb::Cache> cache_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilies> handles_{};
};

}  // namespace cip::store
