#pragma once

// A disk that fails, below RocksDB: it loses what was not synced, tears writes, gives errors, or is
// full. Everything else is the real file system. After LevelDB, db/fault_injection_test.cc.

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace cip::test {

enum class DiskFault { none, error, torn, full, power_cut };

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyFileSystem"; }

  // The write or sync after `n` further ones fails like this; all later ones do too.
  void fail_after(std::uint64_t n, DiskFault fault);
  // The disk works again.
  void heal();
  bool has_failed() const { return failed_; }
  std::uint64_t writes() const { return writes_; }
  // What the machine finds after a power cut: files are as long as they were synced. The database
  // must be closed.
  void lose_unsynced();

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

  // For files: whether the next write goes through, and how it fails if not.
  DiskFault next_write();
  void note_synced(const std::string& name, std::uint64_t size);

 private:
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> synced_;  // length that is safe, by file
  std::uint64_t writes_ = 0;
  std::uint64_t left_ = 0;
  DiskFault fault_ = DiskFault::none;
  std::atomic<bool> failed_{false};
};

}  // namespace cip::test
