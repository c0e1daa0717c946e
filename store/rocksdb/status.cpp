#include "store/rocksdb/status.hpp"

#include <cerrno>
#include <string>

namespace cip::store {

std::error_code error_of(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return Errc::full;
  if (status.IsCorruption()) return Errc::corrupt;
  if (status.IsPathNotFound()) return Errc::corrupt;  // a file that another one names
  if (status.IsNotFound()) return Errc::not_found;
  // RocksDB keeps no error number of the system, but its words. An IOError may stand inside of
  // another one: a file of options that could not be opened makes them incompatible.
  const auto text = status.ToString();
  const auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
  const bool is_refusal = status.IsInvalidArgument() || status.IsNotSupported();
  if (is_refusal && !says("IO error")) return Errc::unknown_format;
  if (says("lock hold by current process") || says("While lock file")) return Errc::locked;
  if (says("Permission denied") || says("Read-only file system")) return Errc::not_writable;
  if (says("Disk quota exceeded")) return Errc::full;
  if (says("Too many open files")) return std::make_error_code(std::errc::too_many_files_open);
  if (says("No such file or directory")) return Errc::corrupt;
  return Errc::io_failed;
}

std::error_code error_of_errno(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      return Errc::full;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EEXIST:
      return Errc::not_writable;
    case EMFILE:
    case ENFILE:
      return std::make_error_code(std::errc::too_many_files_open);
    case EAGAIN:  // a thread
      return std::make_error_code(std::errc::resource_unavailable_try_again);
    default:
      return Errc::io_failed;
  }
}

}  // namespace cip::store
