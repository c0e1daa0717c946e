#include "store/rocksdb/rocks_backend.hpp"

#include <exception>

#include "store/rocksdb/run_store.hpp"
#include "store/rocksdb/status.hpp"
#include "store/table_keys.hpp"

namespace cip::store {

namespace {

class RocksBackend final : public TableBackend {
 public:
  RocksBackend(std::unique_ptr<Database> database, std::size_t cache_bytes)
      : database_(std::move(database)), runs_(*database_, cache_bytes) {}

  Result<void> initialise_with(Random& random) { return initialise(random); }

  Result<void> sync() override { return result_of(database_->db().SyncWAL()); }
  void forget_cached() override {
    runs_.forget_all();
    database_->cache().EraseUnRefEntries();
  }
  Result<void> reclaim(FeedNumber feed) override;
  Result<DiskUsage> disk_usage() override;

 protected:
  Result<std::optional<Bytes>> get(Table table, ByteView key) override;
  Result<std::vector<TableEntry>> scan(Table table, ByteView prefix) override;
  Result<void> write(const TableBatch& batch) override;
  Result<ReadResult> read_runs(const ReadOp& op) override { return runs_.read(op); }

 private:
  static Result<void> result_of(const rocksdb::Status& status) {
    if (!status.ok()) return fail(error_of(status));
    return {};
  }
  Result<void> fill(rocksdb::WriteBatch& batch, const TableBatch& changes);

  std::unique_ptr<Database> database_;
  RunStore runs_;
};

Result<std::optional<Bytes>> RocksBackend::get(Table table, ByteView key) {
  rocksdb::PinnableSlice value;
  const auto status = database_->db().Get(
      rocksdb::ReadOptions(), database_->family(family_of(table)), slice_of(key), &value);
  if (status.IsNotFound()) return std::optional<Bytes>{};
  if (!status.ok()) return fail(error_of(status));
  return std::optional<Bytes>{to_bytes(view_of(value))};
}

Result<std::vector<TableEntry>> RocksBackend::scan(Table table, ByteView prefix) {
  const std::unique_ptr<rocksdb::Iterator> at(
      database_->db().NewIterator(rocksdb::ReadOptions(), database_->family(family_of(table))));
  std::vector<TableEntry> out;
  for (at->Seek(slice_of(prefix)); at->Valid() && at->key().starts_with(slice_of(prefix));
       at->Next()) {
    out.push_back({to_bytes(view_of(at->key())), to_bytes(view_of(at->value()))});
  }
  if (!at->status().ok()) return fail(error_of(at->status()));
  return out;
}

Result<void> RocksBackend::fill(rocksdb::WriteBatch& batch, const TableBatch& changes) {
  if (changes.drop) {
    runs_.add_drop(batch, *changes.drop);
    const auto begin = feed_prefix(*changes.drop);
    const auto end = feed_prefix(*changes.drop + 1);
    auto* feeds = database_->family(Family::feeds);
    batch.DeleteRange(feeds, slice_of(begin), slice_of(end)).PermitUncheckedError();
  }
  if (changes.commit != nullptr) {
    if (auto added = runs_.add(batch, *changes.commit); !added) return added;
  }
  // Last, so that a record of the log does not end in a page of zeros, as blocks may
  // (log_in_place.hpp).
  for (const auto& change : changes.changes) {
    auto* family = database_->family(family_of(change.table));
    const auto status = change.value
                            ? batch.Put(family, slice_of(change.key), slice_of(*change.value))
                            : batch.Delete(family, slice_of(change.key));
    if (!status.ok()) return fail(error_of(status));
  }
  return {};
}

Result<void> RocksBackend::write(const TableBatch& changes) {
  rocksdb::WriteBatch batch(changes.commit == nullptr ? 0 : RunStore::batch_bytes(*changes.commit));
  if (auto filled = fill(batch, changes); !filled) return filled;
  rocksdb::WriteOptions options;
  options.sync = changes.sync;
  const auto status = database_->db().Write(options, &batch);
  if (!status.ok()) return fail(error_of(status));
  if (changes.commit != nullptr) runs_.forget(*changes.commit);
  if (changes.drop) runs_.forget(*changes.drop);
  return {};
}

// Files of runs are not simply deleted (DeleteFilesInRange): blob files whose references vanish
// that way count as wanted for ever in RocksDB 7.8. A compaction reads keys only and counts them
// out.
Result<void> RocksBackend::reclaim(FeedNumber feed) {
  const auto begin = feed_prefix(feed);
  const auto end = feed_prefix(feed + 1);
  const auto from = slice_of(begin);
  const auto to = slice_of(end);
  rocksdb::CompactRangeOptions options;
  // Lets other feeds be written meanwhile.
  options.exclusive_manual_compaction = false;
  // Deletions that reached the last level alone go too.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  // Blobs of other feeds stay where they are: moving a quarter of a large home takes minutes.
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kDisable;
  for (const auto which : {Family::nodes, Family::blocks, Family::feeds}) {
    auto* family = database_->family(which);
    const auto status = database_->db().CompactRange(options, family, &from, &to);
    if (!status.ok()) return fail(error_of(status));
  }
  // A log file goes once no family needs it, and what was cleared may be in it.
  for (std::size_t i = 0; i < kFamilies; ++i) {
    const auto status = database_->db().Flush({}, database_->family(static_cast<Family>(i)));
    if (!status.ok()) return fail(error_of(status));
  }
  return {};
}

Result<DiskUsage> RocksBackend::disk_usage() {
  DiskUsage usage;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    auto* family = database_->family(static_cast<Family>(i));
    const auto number = [&](const std::string& property) {
      std::uint64_t value = 0;
      database_->db().GetIntProperty(family, property, &value);
      return value;
    };
    usage.bytes += number(rocksdb::DB::Properties::kTotalSstFilesSize) +
                   number(rocksdb::DB::Properties::kTotalBlobFileSize);
    usage.live_bytes += number(rocksdb::DB::Properties::kEstimateLiveDataSize);
  }
  return usage;
}

}  // namespace

Result<std::unique_ptr<Backend>> open_rocks_backend(const RocksOptions& options, Random& random) {
  try {
    auto database = Database::open(options);
    if (!database) return fail(database.error());
    auto backend = std::make_unique<RocksBackend>(std::move(*database), options.run_cache_bytes);
    if (auto ready = backend->initialise_with(random); !ready) return fail(ready.error());
    return backend;
  } catch (const std::exception&) {
    // RocksDB throws nothing of its own; what may come is the library's, e.g. no thread to be had.
    return fail(Errc::io_failed);
  }
}

}  // namespace cip::store
