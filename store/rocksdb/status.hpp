#pragma once

// RocksDB's verdicts as errors of the store floor.

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include "base/bytes.hpp"
#include "store/errors.hpp"

namespace cip::store {

// For a status that is not ok.
std::error_code error_of(const rocksdb::Status& status);
// For an errno of the system.
std::error_code error_of_errno(int number);

inline rocksdb::Slice slice_of(ByteView bytes) {
  if (bytes.empty()) return {};  // RocksDB hands even an empty slice to memcmp
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline ByteView view_of(const rocksdb::Slice& slice) {
  return {reinterpret_cast<const std::uint8_t*>(slice.data()), slice.size()};
}

}  // namespace cip::store
