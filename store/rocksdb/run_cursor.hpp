#pragma once

// Walks over the runs of one feed in one column family, forwards, with as few searches as possible.

#include <memory>

#include "store/rocksdb/database.hpp"
#include "store/rocksdb/run_codec.hpp"

namespace cip::store {

class RunCursor {
 public:
  // `fill_cache`: whether RocksDB keeps what it reads for this walk.
  RunCursor(Database& database, Family family, FeedNumber feed, bool fill_cache = true);
  RunCursor(const RunCursor&) = delete;
  RunCursor& operator=(const RunCursor&) = delete;

  // Moves to the first run that ends at or behind `position`, which only that run can hold; false
  // when there is none. Positions must not descend.
  Result<bool> seek(std::uint64_t position);
  std::uint64_t last() const { return last_; }
  ByteView value() const;  // valid until the next seek

 private:
  Result<bool> take_place();

  Database& database_;
  const Family family_;
  const FeedNumber feed_;
  const bool fill_cache_;
  const FeedPrefix end_;
  const rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> at_;
  std::uint64_t last_ = 0;
};

}  // namespace cip::store
