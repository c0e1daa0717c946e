#include "store/rocksdb/database_files.hpp"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "store/rocksdb/log_in_place.hpp"

namespace cip::store {

using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

// RocksDB would reserve 17 MiB for a log: all of the room that is left on a full disk.
constexpr std::size_t kLogRoom = std::size_t{1} << 20;

enum class Kind { log, manifest, other };

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Kind kind_of(std::string_view name) {
  if (name.ends_with(".log")) return Kind::log;
  if (name.starts_with("MANIFEST-")) return Kind::manifest;
  return Kind::other;
}

IOStatus status_of(std::error_code error) {
  if (error == Errc::full) return IOStatus::NoSpace("No space left on device: inventory");
  return IOStatus::IOError("inventory: " + error.message());
}

// A log or a manifest: how long it must be is written down with every sync.
class ListedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  ListedFile(std::unique_ptr<FSWritableFile> file, std::string path,
             std::shared_ptr<Inventory> inventory)
      : FSWritableFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        is_log_(kind_of(name_of(path_)) == Kind::log),
        inventory_(std::move(inventory)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    if (!failed_.ok()) return failed_;
    auto status = target()->Append(data, options, debug);
    if (!status.ok()) return take_back(std::move(status), LogCut::unfinished);
    size_ += data.size();
    return status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return synced(failed_.ok() ? target()->Sync(options, debug) : failed_);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return synced(failed_.ok() ? target()->Fsync(options, debug) : failed_);
  }
  void SetPreallocationBlockSize(std::size_t size) override {
    target()->SetPreallocationBlockSize(is_log_ ? std::min(size, kLogRoom) : size);
  }

 private:
  IOStatus synced(IOStatus status) {
    if (status.ok()) {
      inventory_->note_length(name_of(path_), size_);
    } else if (failed_.ok()) {
      return take_back(std::move(status), LogCut::last_record);
    }
    return status;
  }

  IOStatus take_back(IOStatus status, LogCut cut) {
    if (!is_log_) return status;
    failed_ = status;
    const auto end = end_of_log(path_, size_, cut);
    if (end) target()->Truncate(*end, {}, nullptr).PermitUncheckedError();
    return status;
  }

  const std::string path_;
  const bool is_log_;
  std::shared_ptr<Inventory> inventory_;
  std::uint64_t size_ = 0;
  IOStatus failed_;
};

class DatabaseFiles final : public rocksdb::FileSystemWrapper {
 public:
  DatabaseFiles(const std::shared_ptr<rocksdb::FileSystem>& base,
                std::shared_ptr<Inventory> inventory)
      : FileSystemWrapper(base), inventory_(std::move(inventory)) {}
  const char* Name() const override { return "DatabaseFiles"; }

  rocksdb::FileOptions OptimizeForLogWrite(const rocksdb::FileOptions& file,
                                           const rocksdb::DBOptions& db) const override {
    auto out = FileSystemWrapper::OptimizeForLogWrite(file, db);
    out.fallocate_with_keep_size = false;
    return out;
  }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* debug) override {
    const auto name = name_of(path);
    if (kind_of(name) == Kind::other)
      return target()->NewWritableFile(path, options, result, debug);
    std::unique_ptr<FSWritableFile> file;
    auto status = target()->NewWritableFile(path, options, &file, debug);
    if (!status.ok()) return status;
    if (auto added = inventory_->add(name); !added) return status_of(added.error());
    *result = std::make_unique<ListedFile>(std::move(file), path, inventory_);
    return status;
  }

  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    const auto name = name_of(path);
    if (kind_of(name) != Kind::other) {
      if (auto removed = inventory_->remove(name); !removed) return status_of(removed.error());
    }
    return target()->DeleteFile(path, options, debug);
  }

 private:
  std::shared_ptr<Inventory> inventory_;
};

class WithoutLogs final : public rocksdb::FileSystemWrapper {
 public:
  explicit WithoutLogs(const std::shared_ptr<rocksdb::FileSystem>& base)
      : FileSystemWrapper(base) {}
  const char* Name() const override { return "WithoutLogs"; }

  IOStatus GetChildren(const std::string& folder, const IOOptions& options,
                       std::vector<std::string>* names, IODebugContext* debug) override {
    auto status = target()->GetChildren(folder, options, names, debug);
    std::erase_if(*names, [](const auto& name) { return kind_of(name) == Kind::log; });
    return status;
  }
};

}  // namespace

std::unique_ptr<rocksdb::Env> make_database_files(rocksdb::Env* base,
                                                  std::shared_ptr<Inventory> inventory) {
  const auto files = base != nullptr ? base->GetFileSystem() : rocksdb::FileSystem::Default();
  return rocksdb::NewCompositeEnv(std::make_shared<DatabaseFiles>(files, std::move(inventory)));
}

std::unique_ptr<rocksdb::Env> make_files_without_logs(rocksdb::Env& files) {
  return rocksdb::NewCompositeEnv(std::make_shared<WithoutLogs>(files.GetFileSystem()));
}

}  // namespace cip::store
