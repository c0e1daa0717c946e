#include "tests/unit/store/rocksdb/faulty_file_system.hpp"

#include <filesystem>

namespace cip::test {

using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

IOStatus status_of(DiskFault fault) {
  return fault == DiskFault::full ? IOStatus::NoSpace("the disk is full")
                                  : IOStatus::IOError("the disk failed");
}

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<FSWritableFile> file, std::string name, std::uint64_t size,
             FaultyFileSystem& disk)
      : FSWritableFileOwnerWrapper(std::move(file)),
        name_(std::move(name)),
        size_(size),
        disk_(disk) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    const auto fault = disk_.next_write();
    if (fault == DiskFault::torn) {
      target()->Append(Slice(data.data(), data.size() / 2), options, debug).PermitUncheckedError();
    }
    if (fault != DiskFault::none) return status_of(fault);
    size_ += data.size();
    return target()->Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    const auto fault = disk_.next_write();
    if (fault != DiskFault::none) return status_of(fault);
    // The file may stay in the cache of the system: nothing here cuts real power.
    auto status = target()->Flush(options, debug);
    if (status.ok()) disk_.note_synced(name_, size_);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();  // a hint that promises nothing
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    size_ = size;
    return target()->Truncate(size, options, debug);
  }

 private:
  std::string name_;
  std::uint64_t size_;
  FaultyFileSystem& disk_;
};

}  // namespace

void FaultyFileSystem::fail_after(std::uint64_t n, DiskFault fault) {
  std::lock_guard lock(mutex_);
  left_ = n;
  fault_ = fault;
}

void FaultyFileSystem::heal() {
  std::lock_guard lock(mutex_);
  fault_ = DiskFault::none;
  failed_ = false;
}

DiskFault FaultyFileSystem::next_write() {
  std::lock_guard lock(mutex_);
  ++writes_;
  if (fault_ == DiskFault::none) return DiskFault::none;
  if (left_ > 0) {
    --left_;
    return DiskFault::none;
  }
  const bool first = !failed_.exchange(true);
  // A write is torn once; what follows fails as a whole.
  return fault_ == DiskFault::torn && !first ? DiskFault::error : fault_;
}

void FaultyFileSystem::note_synced(const std::string& name, std::uint64_t size) {
  std::lock_guard lock(mutex_);
  synced_[name] = size;
}

void FaultyFileSystem::lose_unsynced() {
  std::lock_guard lock(mutex_);
  for (const auto& [name, size] : synced_) {
    std::error_code error;
    if (std::filesystem::file_size(name, error) > size && !error) {
      std::filesystem::resize_file(name, size, error);
    }
  }
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<FSWritableFile>* result,
                                           IODebugContext* debug) {
  const auto fault = next_write();
  if (fault != DiskFault::none) return status_of(fault);
  std::unique_ptr<FSWritableFile> file;
  auto status = target()->NewWritableFile(name, options, &file, debug);
  if (!status.ok()) return status;
  note_synced(name, 0);
  *result = std::make_unique<FaultyFile>(std::move(file), name, 0, *this);
  return status;
}

IOStatus FaultyFileSystem::ReopenWritableFile(const std::string& name,
                                              const rocksdb::FileOptions& options,
                                              std::unique_ptr<FSWritableFile>* result,
                                              IODebugContext* debug) {
  const auto fault = next_write();
  if (fault != DiskFault::none) return status_of(fault);
  std::error_code error;
  const auto size = std::filesystem::file_size(name, error);
  std::unique_ptr<FSWritableFile> file;
  auto status = target()->ReopenWritableFile(name, options, &file, debug);
  if (!status.ok()) return status;
  *result = std::make_unique<FaultyFile>(std::move(file), name, error ? 0 : size, *this);
  return status;
}

IOStatus FaultyFileSystem::ReuseWritableFile(const std::string& name, const std::string& old_name,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<FSWritableFile>* result,
                                             IODebugContext* debug) {
  auto status = DeleteFile(old_name, options.io_options, debug);
  return status.ok() ? NewWritableFile(name, options, result, debug) : status;
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to,
                                      const IOOptions& options, IODebugContext* debug) {
  const auto fault = next_write();
  if (fault != DiskFault::none) return status_of(fault);
  auto status = target()->RenameFile(from, to, options, debug);
  std::lock_guard lock(mutex_);
  if (const auto found = synced_.find(from); status.ok() && found != synced_.end()) {
    synced_[to] = found->second;
    synced_.erase(found);
  }
  return status;
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                      IODebugContext* debug) {
  const auto fault = next_write();
  if (fault != DiskFault::none) return status_of(fault);
  auto status = target()->DeleteFile(name, options, debug);
  std::lock_guard lock(mutex_);
  synced_.erase(name);
  return status;
}

}  // namespace cip::test
