#include "store/rocksdb/rocks_backend.hpp"

#include <exception>
#include <filesystem>
#include <system_error>

// Where RocksDB says what a cache is; version 7 does so in cache.h.
#if __has_include(<rocksdb/advanced_cache.h>)
#include <rocksdb/advanced_cache.h>
#endif

#include "store/rocksdb/lasting_database.hpp"
#include "store/rocksdb/run_store.hpp"
#include "store/rocksdb/status.hpp"
#include "store/table_keys.hpp"

namespace cip::store {

namespace {

class RocksBackend final : public TableBackend, public DiskRecovery, public FilePins {
 public:
  explicit RocksBackend(const RocksOptions& options)
      : database_(options), runs_(options.run_cache_bytes) {}

  Result<void> open(Random& random, std::string& problem);

  Result<void> sync() override { return database_.sync(); }
  void forget_cached() override;
  Result<void> reclaim(FeedNumber feed) override {
    database_.reclaim(feed);
    return {};
  }
  Result<DiskUsage> disk_usage() override;
  std::error_code failure() const override { return database_.failure(); }
  void watch_failures(std::function<void()> told) override {
    database_.watch_failures(std::move(told));
  }
  Result<void> recover() override { return database_.recover(); }
  Result<PinnedFiles> pin_files() override { return database_.pin_files(); }
  void unpin_files(const PinnedFiles& pinned) override { database_.unpin_files(pinned); }

 protected:
  Result<std::optional<Bytes>> get(Table table, ByteView key) override;
  Result<std::vector<TableEntry>> scan(Table table, ByteView prefix) override;
  Result<void> write(const TableBatch& batch) override;
  Result<ReadResult> read_runs(const ReadOp& op) override {
    return database_.use([&](Database& database) { return runs_.read(database, op); });
  }

 private:
  LastingDatabase database_;
  RunStore runs_;
};

Result<void> RocksBackend::open(Random& random, std::string& problem) {
  if (auto opened = database_.open(problem); !opened) return opened;
  if (auto ready = initialise(random, database_.was_made()); !ready) {
    if (ready.error() == Errc::corrupt) problem = "it does not say what database it is";
    return ready;
  }
  auto noted = database_.note_instance(instance());
  if (!noted && noted.error() == Errc::corrupt) problem = "it is another one than this home had";
  // A home of an earlier version on a full disk is written down the next time.
  if (!noted && database_.failure()) return {};
  return noted;
}

void RocksBackend::forget_cached() {
  runs_.forget_all();
  static_cast<void>(database_.use([](Database& database) -> Result<void> {
    database.cache().EraseUnRefEntries();
    return {};
  }));
}

Result<std::optional<Bytes>> RocksBackend::get(Table table, ByteView key) {
  return database_.use([&](Database& database) -> Result<std::optional<Bytes>> {
    rocksdb::PinnableSlice value;
    const auto status = database.db().Get(rocksdb::ReadOptions(), database.family(family_of(table)),
                                          slice_of(key), &value);
    if (status.IsNotFound()) return std::optional<Bytes>{};
    if (!status.ok()) return fail(error_of(status));
    return std::optional<Bytes>{to_bytes(view_of(value))};
  });
}

Result<std::vector<TableEntry>> RocksBackend::scan(Table table, ByteView prefix) {
  return database_.use([&](Database& database) -> Result<std::vector<TableEntry>> {
    const std::unique_ptr<rocksdb::Iterator> at(
        database.db().NewIterator(rocksdb::ReadOptions(), database.family(family_of(table))));
    std::vector<TableEntry> out;
    for (at->Seek(slice_of(prefix)); at->Valid() && at->key().starts_with(slice_of(prefix));
         at->Next()) {
      out.push_back({to_bytes(view_of(at->key())), to_bytes(view_of(at->value()))});
    }
    if (!at->status().ok()) return fail(error_of(at->status()));
    return out;
  });
}

Result<void> fill(Database& database, rocksdb::WriteBatch& batch, const TableBatch& changes) {
  if (changes.drop) {
    RunStore::add_drop(database, batch, *changes.drop);
    const auto begin = feed_prefix(*changes.drop);
    const auto end = feed_prefix(*changes.drop + 1);
    auto* feeds = database.family(Family::feeds);
    batch.DeleteRange(feeds, slice_of(begin), slice_of(end)).PermitUncheckedError();
  }
  if (changes.commit != nullptr) {
    if (auto added = RunStore::add(database, batch, *changes.commit); !added) return added;
  }
  // Last, so that a record of the log does not end in a page of zeros, as blocks may
  // (log_in_place.hpp).
  for (const auto& change : changes.changes) {
    auto* family = database.family(family_of(change.table));
    const auto status = change.value
                            ? batch.Put(family, slice_of(change.key), slice_of(*change.value))
                            : batch.Delete(family, slice_of(change.key));
    if (!status.ok()) return fail(error_of(status));
  }
  return {};
}

bool makes_room(const TableBatch& changes) {
  if (changes.drop) return true;
  const auto* commit = changes.commit;
  return commit != nullptr && commit->blocks.empty() &&
         (commit->truncate_to || !commit->cleared.empty() || !commit->lost.empty());
}

Result<void> RocksBackend::write(const TableBatch& changes) {
  LastingDatabase::WriteOptions options;
  options.sync = changes.sync;
  options.makes_room = makes_room(changes);
  if (changes.commit != nullptr) options.bytes = RunStore::batch_bytes(*changes.commit);
  const auto written =
      database_.write(options, [&](Database& database, rocksdb::WriteBatch& batch) {
        return fill(database, batch, changes);
      });
  if (!written) return written;
  if (changes.commit != nullptr) runs_.forget(*changes.commit);
  if (changes.drop) runs_.forget(*changes.drop);
  return {};
}

Result<DiskUsage> RocksBackend::disk_usage() {
  return database_.use([](Database& database) -> Result<DiskUsage> {
    DiskUsage usage;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      auto* family = database.family(static_cast<Family>(i));
      const auto number = [&](const std::string& property) {
        std::uint64_t value = 0;
        database.db().GetIntProperty(family, property, &value);
        return value;
      };
      usage.bytes += number(rocksdb::DB::Properties::kTotalSstFilesSize) +
                     number(rocksdb::DB::Properties::kTotalBlobFileSize);
      usage.live_bytes += number(rocksdb::DB::Properties::kEstimateLiveDataSize);
    }
    return usage;
  });
}

// What lies beside the database is named after its folder: "db" and "db/" are one.
RocksOptions with_whole_name(RocksOptions options) {
  auto folder = std::filesystem::absolute(options.folder).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  options.folder = folder.string();
  return options;
}

}  // namespace

DiskRecovery& disk_recovery_of(Backend& backend) { return dynamic_cast<RocksBackend&>(backend); }
FilePins& file_pins_of(Backend& backend) { return dynamic_cast<RocksBackend&>(backend); }

Result<std::unique_ptr<Backend>> open_rocks_backend(const RocksOptions& options, Random& random,
                                                    std::string* problem) {
  std::string unasked;
  auto& said = problem != nullptr ? *problem : unasked;
  try {
    auto backend = std::make_unique<RocksBackend>(with_whole_name(options));
    if (auto ready = backend->open(random, said); !ready) return fail(ready.error());
    return backend;
  } catch (const std::system_error& error) {
    // RocksDB throws nothing of its own; what may come is the library's: no thread to be had.
    said = error.what();
    return fail(error_of_errno(error.code().value()));
  } catch (const std::exception& error) {
    said = error.what();
    return fail(Errc::io_failed);
  }
}

}  // namespace cip::store
