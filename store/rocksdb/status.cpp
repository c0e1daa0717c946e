#include "store/rocksdb/status.hpp"

#include <string>

namespace cip::store {

std::error_code error_of(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return Errc::full;
  if (status.IsCorruption()) return Errc::corrupt;
  if (status.IsNotFound()) return Errc::not_found;
  if (status.IsInvalidArgument() || status.IsNotSupported()) return Errc::unknown_format;
  // The rest is an IOError with the words of the system; RocksDB keeps no error number.
  const auto text = status.ToString();
  const auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
  if (says("lock hold by current process") || says("While lock file")) return Errc::locked;
  if (says("Permission denied") || says("Read-only file system")) return Errc::not_writable;
  if (says("Disk quota exceeded")) return Errc::full;
  return Errc::io_failed;
}

}  // namespace cip::store
