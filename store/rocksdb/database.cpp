#include "store/rocksdb/database.hpp"

#include <rocksdb/table.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/assert.hpp"
#include "store/rocksdb/crc32c.hpp"
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

rocksdb::DBOptions db_options(const RocksOptions& options) {
  rocksdb::DBOptions db;
  db.env = options.env != nullptr ? options.env : &env_with_logs_in_place();
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  // RocksDB's default stops at the first bad record of the log and says nothing, which drops synced
  // appends behind it and makes a writer fork its feed. This one forgives an incomplete last record
  // only: what a cut of power leaves.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.paranoid_checks = true;
  db.db_write_buffer_size = options.write_buffer_bytes;
  db.max_total_wal_size = kMaxLogBytes;
  db.max_open_files = options.max_open_files;
  db.max_background_jobs = 2;
  // Lets the kernel write early, so that a sync has little left to wait for.
  db.bytes_per_sync = kMiB;
  db.wal_bytes_per_sync = kMiB;
  // RocksDB's own diary: short, and without statistics threads.
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.max_log_file_size = kMiB;
  db.keep_log_file_num = 2;
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
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions out;
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache)));
  out.compression = rocksdb::kNoCompression;
  out.level_compaction_dynamic_level_bytes = true;
  // db_write_buffer_size bounds all families together; a family alone may use all of it.
  out.write_buffer_size = options.write_buffer_bytes;
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

// RocksDB would make a new database in a folder that lost its CURRENT file and forget the old one.
bool has_data_without_current(const std::string& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder + "/CURRENT", error)) return false;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto extension = entry.path().extension();
    if (extension == ".sst" || extension == ".blob") return true;
  }
  return false;
}

Result<void> check_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  if (error == std::errc::no_space_on_device) return fail(Errc::full);
  if (error || !std::filesystem::is_directory(folder, error)) return fail(Errc::not_writable);
  if (has_data_without_current(folder)) return fail(Errc::corrupt);
  return {};
}

// A later format may have families that this program does not know; RocksDB refuses to open a
// database without naming all that it has.
Result<void> check_families(const rocksdb::DBOptions& options, const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder + "/CURRENT", error)) return {};
  std::vector<std::string> names;
  const auto listed = rocksdb::DB::ListColumnFamilies(options, folder, &names);
  if (!listed.ok()) {
    const auto code = error_of(listed);
    // A file that CURRENT names and that is not there.
    return fail(code == Errc::io_failed ? make_error_code(Errc::corrupt) : code);
  }
  for (const auto& name : names) {
    const auto known = std::find(kNames.begin(), kNames.end(), name) != kNames.end();
    if (!known && name != rocksdb::kDefaultColumnFamilyName) return fail(Errc::unknown_format);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const RocksOptions& options) {
  static_cast<void>(has_fast_checksums());
  if (auto checked = check_folder(options.folder); !checked) return fail(checked.error());
  const auto db = db_options(options);
  if (auto checked = check_families(db, options.folder); !checked) return fail(checked.error());
  if (options.env == nullptr) {
    if (auto mended = mend_log_tails(options.folder); !mended) return fail(mended.error());
  }

  // Few shards: a strict one must hold whatever readers pin at one time.
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes, 2, true);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    families.emplace_back(kNames[i], family_options(static_cast<Family>(i), options, cache));
  }
  families.emplace_back(rocksdb::kDefaultColumnFamilyName,
                        family_options(Family::meta, options, cache));

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  const auto opened = rocksdb::DB::Open(db, options.folder, families, &handles, &raw);
  if (!opened.ok()) return fail(error_of(opened));
  std::unique_ptr<Database> out(new Database());
  out->cache_ = cache;
  out->db_.reset(raw);
  std::copy_n(handles.begin(), kFamilies, out->handles_.begin());
  out->db_->DestroyColumnFamilyHandle(handles.back());
  return out;
}

Database::~Database() {
  if (!db_) return;
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  // Waits for what runs in the background. What it may say is too late to act on: everything that
  // was promised is in the log.
  db_->Close().PermitUncheckedError();
}

}  // namespace cip::store
