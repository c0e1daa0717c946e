#include "store/rocksdb/database.hpp"

#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "store/rocksdb/crc32c.hpp"
#include "store/rocksdb/database_files.hpp"
#include "store/rocksdb/format_check.hpp"
#include "store/rocksdb/log_in_place.hpp"
#include "store/rocksdb/run_codec.hpp"
#include "store/rocksdb/status.hpp"

namespace cip::store {

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
// Logs are kept until the tables that they cover are written out; a table that is rarely written
// would hold back any number of them.
constexpr std::size_t kMaxLogBytes = 64 * kMiB;
// A file of blobs goes when nothing in it is wanted any more: small enough that this happens.
constexpr std::size_t kBlobFileBytes = 64 * kMiB;

constexpr std::array<const char*, kFamilies> kNames = {"meta",    "feeds", "topics",
                                                       "records", "nodes", "blocks"};

// What the logs held is not written out for want of memory where there is no room for it.
std::size_t write_buffer(const RocksOptions& options, OpenMode mode) {
  return mode == OpenMode::to_free ? options.write_buffer_bytes * 2 : options.write_buffer_bytes;
}

// RocksDB goes on by itself after some failures of a disk, and stops for good after others, or
// fails an assertion on the way. Here the owner opens the database anew (Backend::recover).
class NoRecoveryOfItsOwn final : public rocksdb::EventListener {
 public:
  const char* Name() const override { return "NoRecoveryOfItsOwn"; }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

// RocksDB's diary, the file LOG, is not kept: when it cannot be written, e.g. on a full disk,
// RocksDB fails an assertion and ends the process.
class NoDiary final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions db_options(const RocksOptions& options, rocksdb::Env& env, OpenMode mode) {
  rocksdb::DBOptions db;
  db.env = &env;
  db.listeners = {std::make_shared<NoRecoveryOfItsOwn>()};
  db.max_bgerror_resume_count = 0;
  // What was in memory may stay in the logs: writing it out needs room.
  db.avoid_flush_during_recovery = mode == OpenMode::to_free;
  // RocksDB's default stops at the first bad record of the log and says nothing, which drops synced
  // appends behind it and makes a writer fork its feed. This one forgives an incomplete last record
  // only: what a cut of power leaves.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.paranoid_checks = true;
  db.db_write_buffer_size = write_buffer(options, mode);
  db.max_total_wal_size = kMaxLogBytes;
  db.max_open_files = options.max_open_files;
  db.max_background_jobs = 2;
  // Few tables are opened at once; sixteen threads made for that cost more than the tables.
  db.max_file_opening_threads = 1;
  // Lets the kernel write early, so that a sync has little left to wait for.
  db.bytes_per_sync = kMiB;
  db.wal_bytes_per_sync = kMiB;
  db.info_log = std::make_shared<NoDiary>();
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

rocksdb::BlockBasedTableOptions table_options(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  // Indexes count against the cache's bound instead of growing beside it.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = false;
  table.format_version = 5;
  return table;
}

// Nothing is compressed: hashes do not shrink, and blocks of others are what they are.
rocksdb::ColumnFamilyOptions family_options(Family family, const RocksOptions& options,
                                            OpenMode mode,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions out;
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache)));
  out.compression = rocksdb::kNoCompression;
  out.level_compaction_dynamic_level_bytes = true;
  // db_write_buffer_size bounds all families together; a family alone may use all of it.
  out.write_buffer_size = write_buffer(options, mode);
  out.disable_auto_compactions = mode != OpenMode::usual;
  out.max_write_buffer_number = 3;
  if (family == Family::blocks) {
    out.enable_blob_files = true;
    out.min_blob_size = kStandaloneBlockBytes;
    out.blob_file_size = kBlobFileBytes;
    out.blob_compression_type = rocksdb::kNoCompression;
    // Compactions move what is still wanted out of the oldest quarter of the files. The threshold
    // that forces such compactions stays off: with it RocksDB 7.8.3 fails an assertion of its own.
    out.enable_blob_garbage_collection = true;
    out.blob_garbage_collection_age_cutoff = 0.25;
  }
  return out;
}

Result<void> check_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  if (error) return fail(error_of_errno(error.value()));
  if (!std::filesystem::is_directory(folder, error)) return fail(Errc::not_writable);
  return {};
}

// Whether all families are there. A later format may have some that this program does not know;
// RocksDB refuses to open a database without naming all that it has.
Result<bool> has_families(const rocksdb::DBOptions& options, const std::string& folder,
                          std::string& problem) {
  std::vector<std::string> names;
  problem = "CURRENT and the manifest cannot be read";
  const auto listed = rocksdb::DB::ListColumnFamilies(options, folder, &names);
  if (!listed.ok()) return fail(error_of(listed));
  for (const auto& name : names) {
    const auto known = std::find(kNames.begin(), kNames.end(), name) != kNames.end();
    if (known || name == rocksdb::kDefaultColumnFamilyName) continue;
    problem = "it has a table " + name + ", which this program does not know";
    return fail(Errc::unknown_format);
  }
  return names.size() == kNames.size() + 1;
}

using Families = std::vector<rocksdb::ColumnFamilyDescriptor>;

Families families_of(const RocksOptions& options, OpenMode mode,
                     const std::shared_ptr<rocksdb::Cache>& cache) {
  Families families;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    families.emplace_back(kNames[i], family_options(static_cast<Family>(i), options, mode, cache));
  }
  families.emplace_back(rocksdb::kDefaultColumnFamilyName,
                        family_options(Family::meta, options, mode, cache));
  return families;
}

// Compares the tables with the manifest, as RocksDB does while it opens, but changes nothing. Then
// looks for formats of a later program (format_check.hpp), which `later` names.
rocksdb::Status check_tables(rocksdb::DBOptions how, const RocksOptions& options,
                             const Families& families, std::string& later) {
  // Logs would be read into memory, all at once.
  const auto files = make_files_without_logs(*how.env);
  how.env = files.get();
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  auto status = rocksdb::DB::OpenForReadOnly(how, options.folder, families, &handles, &raw);
  if (status.ok()) later = find_later_format(*raw, handles, options);
  for (auto* handle : handles) raw->DestroyColumnFamilyHandle(handle);
  delete raw;
  return status;
}

// RocksDB's own lock: what another process writes is not to be judged.
class Locked {
 public:
  static Result<Locked> acquire(rocksdb::Env& env, const std::string& folder) {
    const auto path = folder + "/LOCK";
    Locked out(env);
    if (!env.FileExists(path).ok()) return out;
    if (const auto status = env.LockFile(path, &out.lock_); !status.ok())
      return fail(error_of(status));
    return out;
  }
  Locked(Locked&& other) noexcept : env_(other.env_), lock_(std::exchange(other.lock_, nullptr)) {}
  Locked& operator=(Locked&&) = delete;
  ~Locked() {
    if (lock_ != nullptr) env_.UnlockFile(lock_).PermitUncheckedError();
  }

 private:
  explicit Locked(rocksdb::Env& env) : env_(env) {}
  rocksdb::Env& env_;
  rocksdb::FileLock* lock_ = nullptr;
};

}  // namespace

// Nothing in the folder is changed before all of it is checked.
Result<bool> Database::check(const RocksOptions& options, std::string& problem) {
  problem = inventory_->missing();
  if (!problem.empty()) return fail(Errc::corrupt);
  if (auto made = check_folder(options.folder); !made) return fail(made.error());
  std::error_code error;
  const bool has_current = std::filesystem::exists(options.folder + "/CURRENT", error);
  if (error) return fail(error_of_errno(error.value()));
  if (!has_current) return true;
  const auto lock = Locked::acquire(*env_, options.folder);
  if (!lock) return fail(lock.error());
  const auto db = db_options(options, *env_, OpenMode::usual);
  const auto whole = has_families(db, options.folder, problem);
  if (!whole) return fail(whole.error());
  if (!*whole && !inventory_->is_made() && !inventory_->has_data()) return true;
  problem = "the end of the manifest is missing";
  if (!*whole && !options.salvaged) return fail(Errc::corrupt);
  if (options.salvaged) return false;
  std::string later;
  const auto checked =
      check_tables(db, options, families_of(options, OpenMode::usual, cache_), later);
  problem = checked.ok() ? later : checked.ToString();
  if (!checked.ok()) return fail(error_of(checked));
  if (!later.empty()) return fail(Errc::unknown_format);
  if (auto mended = mend_log_tails(options.folder); !mended) return fail(mended.error());
  problem.clear();
  return false;
}

Result<std::unique_ptr<Database>> Database::open(const RocksOptions& options, OpenMode mode,
                                                 std::string& problem) {
  static_cast<void>(has_fast_checksums());
  std::unique_ptr<Database> out(new Database());
  auto inventory = Inventory::open(options.folder, problem);
  if (!inventory) return fail(inventory.error());
  out->inventory_ = std::move(*inventory);
  out->env_ = make_database_files(options.env, out->inventory_);
  // Few shards: a strict one must hold whatever readers pin at one time.
  out->cache_ = rocksdb::NewLRUCache(options.block_cache_bytes, 2, true);
  const auto is_new = out->check(options, problem);
  if (!is_new) return fail(is_new.error());
  auto db = db_options(options, *out->env_, mode);
  db.create_if_missing = *is_new;
  db.create_missing_column_families = *is_new || options.salvaged;
  if (const auto status = out->open(db, options.folder, families_of(options, mode, out->cache_));
      !status.ok()) {
    problem = status.ToString();
    return fail(error_of(status));
  }
  return out;
}

rocksdb::Status Database::open(const rocksdb::DBOptions& options, const std::string& folder,
                               const Families& families) {
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  auto opened = rocksdb::DB::Open(options, folder, families, &handles, &raw);
  if (opened.ok()) take(raw, handles);
  return opened;
}

void Database::take(rocksdb::DB* opened, const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  db_.reset(opened);
  std::copy_n(handles.begin(), kFamilies, handles_.begin());
  db_->DestroyColumnFamilyHandle(handles.back());
}

Result<std::unique_ptr<Database>> Database::open_to_read(const RocksOptions& options) {
  std::unique_ptr<Database> out(new Database());
  auto inventory = Inventory::open(options.folder);
  if (!inventory) return fail(inventory.error());
  out->inventory_ = std::move(*inventory);
  out->env_ = make_database_files(options.env, out->inventory_);
  out->cache_ = rocksdb::NewLRUCache(options.block_cache_bytes, 2, true);
  auto db = db_options(options, *out->env_, OpenMode::to_free);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  const auto opened = rocksdb::DB::OpenForReadOnly(
      db, options.folder, families_of(options, OpenMode::to_free, out->cache_), &handles, &raw);
  if (!opened.ok()) return fail(error_of(opened));
  out->take(raw, handles);
  return out;
}

Result<bool> Database::repair(const RocksOptions& options) {
  auto db = db_options(options, *rocksdb::Env::Default(), OpenMode::no_tidying);
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes, 2, true);
  const auto status =
      rocksdb::RepairDB(options.folder, db, families_of(options, OpenMode::no_tidying, cache));
  if (!status.ok()) return fail(error_of(status));
  std::vector<std::string> names;
  const auto listed = rocksdb::DB::ListColumnFamilies(db, options.folder, &names);
  if (!listed.ok()) return fail(error_of(listed));
  const auto* blocks = kNames[static_cast<std::size_t>(Family::blocks)];
  return std::find(names.begin(), names.end(), blocks) != names.end();
}

void Database::tidy_again() {
  db_->EnableAutoCompaction({handles_.begin(), handles_.end()}).PermitUncheckedError();
}

Database::~Database() {
  if (!db_) return;
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  // Waits for what runs in the background. What it may say is too late to act on: everything that
  // was promised is in the log.
  db_->Close().PermitUncheckedError();
}

}  // namespace cip::store
