#include "store/rocksdb/lasting_database.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "store/rocksdb/log_in_place.hpp"
#include "store/rocksdb/memory_limit.hpp"
#include "store/rocksdb/run_codec.hpp"
#include "store/rocksdb/status.hpp"

namespace cip::store {

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// On a small disk the memory for writes, and with it what flushing it takes, is less.
constexpr std::uint64_t kDiskShare = 16;
constexpr std::size_t kLeastBuffer = kMiB / 2;
// How often it is looked whether the reserve fits the database.
constexpr std::size_t kLookEvery = 2 * kMiB;
// A disk that takes so much is worth closing and opening the database for.
constexpr std::size_t kProbe = 4096;
constexpr std::size_t kProbeWhenFull = 2 * kMiB;
constexpr int kListTries = 100;
constexpr auto kListPause = std::chrono::milliseconds(5);

std::uint64_t capacity_at(const std::string& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(std::filesystem::path(folder).parent_path(), error);
  return error ? ~std::uint64_t{0} : space.capacity;
}

RocksOptions fitted(RocksOptions options) {
  const auto of_disk =
      std::max<std::uint64_t>(capacity_at(options.folder) / kDiskShare, kLeastBuffer);
  for (auto* bytes :
       {&options.write_buffer_bytes, &options.block_cache_bytes, &options.run_cache_bytes})
    *bytes = share_of_memory(kLeastBuffer, *bytes);
  options.write_buffer_bytes =
      static_cast<std::size_t>(std::min<std::uint64_t>(options.write_buffer_bytes, of_disk));
  return options;
}

std::uint64_t bytes_in(const std::string& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::error_code gone;
    if (const auto size = entry.file_size(gone); !gone) bytes += size;
  }
  return bytes;
}

// Undoes one DisableFileDeletions(). RocksDB counts these; of its versions 7 asks for that by
// `false`, 9 knows nothing else.
template <typename Db>
void let_go_of_files(Db& db) {
  if constexpr (requires { db.EnableFileDeletions(false); }) {
    db.EnableFileDeletions(false).PermitUncheckedError();
  } else {
    db.EnableFileDeletions().PermitUncheckedError();
  }
}

// RocksDB reads the first record of each log for it, and takes one that is being written for
// damage.
rocksdb::Status list_files(rocksdb::DB& db, std::vector<rocksdb::LiveFileStorageInfo>& out) {
  rocksdb::LiveFilesStorageInfoOptions options;
  options.wal_size_for_flush = ~std::uint64_t{0};
  for (int left = kListTries; true; --left) {
    out.clear();
    auto status = db.GetLiveFilesStorageInfo(options, &out);
    if (!status.IsCorruption() || left == 1) return status;
    std::this_thread::sleep_for(kListPause);
  }
}

}  // namespace

LastingDatabase::LastingDatabase(const RocksOptions& options)
    : options_(fitted(options)), reserve_(options.folder) {}

// Synced, so that it is known the next time how long the log must be.
LastingDatabase::~LastingDatabase() {
  if (database_ && !stopped_) static_cast<void>(sync());
}

Result<void> LastingDatabase::open(std::string& problem) {
  auto opened = Database::open(options_, OpenMode::usual, problem);
  if (!opened && opened.error() == Errc::full && reserve_.is_filled()) {
    reserve_.give_up();
    mode_ = OpenMode::to_free;
    opened = Database::open(options_, mode_, problem);
  }
  if (!opened && opened.error() == Errc::full) {
    if (auto readable = Database::open_to_read(options_)) {
      stopped_ = true;
      opened = std::move(readable);
    }
  }
  if (!opened) return fail(opened.error());
  problem.clear();
  database_ = std::move(*opened);
  const auto kept = stopped_ ? Result<void>(fail(Errc::full)) : fill_reserve();
  if (!kept && kept.error() == Errc::full) set_failure(Errc::full);
  return {};
}

bool LastingDatabase::was_made() { return database_->inventory().is_made(); }

Result<void> LastingDatabase::note_instance(const DatabaseInstance& instance) {
  auto& inventory = database_->inventory();
  if (inventory.is_made() && inventory.instance() != instance) return fail(Errc::corrupt);
  if (inventory.is_made()) return {};
  return inventory.set_instance(instance);
}

// --- Writing ---

Result<void> LastingDatabase::write(const WriteOptions& options, const Fill& fill) {
  if (const auto reason = failure()) {
    if (options.makes_room && reason == Errc::full) return write_in_reserve(options, fill);
    return fail(reason);
  }
  auto written = write_now(options, fill);
  if (written) {
    grow_reserve(options.bytes);
  } else if (options.makes_room && failure() == Errc::full) {
    return write_in_reserve(options, fill);
  }
  return written;
}

Result<void> LastingDatabase::write_now(const WriteOptions& options, const Fill& fill) {
  return use([&](Database& database) -> Result<void> {
    // Read-only, or stopped by a write that came first.
    if (stopped_) return fail(failure());
    rocksdb::WriteBatch batch(options.bytes);
    if (auto filled = fill(database, batch); !filled) return filled;
    rocksdb::WriteOptions how;
    how.sync = options.sync;
    const auto status = database.db().Write(how, &batch);
    if (status.ok()) return {};
    note_failure(error_of(status));
    return fail(error_of(status));
  });
}

Result<void> LastingDatabase::write_in_reserve(const WriteOptions& options, const Fill& fill) {
  const std::lock_guard one(recovery_mutex_);
  if (!stopped_) {
    auto written = write_now(options, fill);
    if (written || failure() != Errc::full) return written;
  }
  reserve_.give_up();
  if (auto opened = reopen(OpenMode::to_free); !opened) return opened;
  return write_now(options, fill);
}

// An empty write in the row of all writes. SyncWAL() does not look whether a write failed before,
// and aborts then.
Result<void> LastingDatabase::sync() {
  if (const auto reason = failure(); reason && stopped_) return fail(reason);
  WriteOptions options;
  options.sync = true;
  return write_now(options, [](Database&, rocksdb::WriteBatch&) { return Result<void>(); });
}

// --- Making room ---

void LastingDatabase::reclaim(FeedNumber feed) {
  {
    const std::lock_guard lock(pending_mutex_);
    pending_.insert(feed);
  }
  const std::lock_guard one(recovery_mutex_);
  reclaim_pending();
  if (failure() == Errc::full && stopped_ && reserve_.is_filled()) {
    reserve_.give_up();
    if (reopen(OpenMode::to_free)) reclaim_pending();
  }
  if (!stopped_ && failure() == Errc::full && fill_reserve()) note_recovered();
}

void LastingDatabase::reclaim_pending() {
  const std::lock_guard lock(pending_mutex_);
  while (!pending_.empty() && !stopped_) {
    // What cannot be tidied up for another reason than a full disk stays as it is.
    if (!reclaim_now(*pending_.begin()) && failure() == Errc::full) return;
    pending_.erase(pending_.begin());
  }
}

// Files of runs are not simply deleted (DeleteFilesInRange): blob files whose references vanish
// that way count as wanted for ever in RocksDB 7.8. A compaction reads keys only and counts them
// out.
Result<void> LastingDatabase::reclaim_now(FeedNumber feed) {
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
  return use([&](Database& database) -> Result<void> {
    rocksdb::Status status;
    for (const auto which : {Family::nodes, Family::blocks, Family::feeds}) {
      if (status.ok())
        status = database.db().CompactRange(options, database.family(which), &from, &to);
    }
    // A log file goes once no family needs it, and what was cleared may be in it.
    for (std::size_t i = 0; i < kFamilies && status.ok(); ++i) {
      status = database.db().Flush({}, database.family(static_cast<Family>(i)));
    }
    if (status.ok()) return {};
    note_failure(error_of(status));
    return fail(error_of(status));
  });
}

std::uint64_t LastingDatabase::wanted_reserve() const {
  // What is in memory is written out, and a table or two anew.
  const auto most = options_.write_buffer_bytes + options_.write_buffer_bytes / 2 + kMiB;
  return std::clamp<std::uint64_t>(bytes_in(options_.folder), kMiB, most);
}

Result<void> LastingDatabase::fill_reserve() { return reserve_.fill(wanted_reserve()); }

// Where it has no room to grow the disk is full, before a write has failed.
void LastingDatabase::grow_reserve(std::size_t written) {
  if (written_.fetch_add(written) + written < kLookEvery) return;
  written_ = 0;
  const std::unique_lock one(recovery_mutex_, std::try_to_lock);
  if (!one.owns_lock() || failure()) return;
  const auto kept = fill_reserve();
  if (kept || kept.error() != Errc::full) return;
  set_failure(Errc::full);
  tell();
}

// --- After a failure ---

std::error_code LastingDatabase::failure() const {
  const std::lock_guard lock(failure_mutex_);
  return failure_;
}

void LastingDatabase::set_failure(std::error_code reason) {
  const std::lock_guard lock(failure_mutex_);
  failure_ = reason;
}

void LastingDatabase::tell() {
  const std::lock_guard lock(told_mutex_);
  if (told_) told_();
}

void LastingDatabase::watch_failures(std::function<void()> told) {
  const std::lock_guard lock(told_mutex_);
  told_ = std::move(told);
  if (told_ && failure()) told_();
}

void LastingDatabase::note_failure(std::error_code reason) {
  if (stopped_.exchange(true)) return;
  set_failure(reason);
  tell();
}

void LastingDatabase::note_recovered() {
  set_failure({});
  if (mode_ != OpenMode::to_free) return;
  mode_ = OpenMode::usual;
  database_->tidy_again();
}

// What RocksDB does when it is opened is done only where a file can be written.
Result<void> LastingDatabase::probe() const {
  auto* env = options_.env != nullptr ? options_.env : rocksdb::Env::Default();
  const auto path = options_.folder + "/probe";
  const std::string data(failure() == Errc::full ? kProbeWhenFull : kProbe, '\0');
  const auto written = rocksdb::WriteStringToFile(env, data, path, true);
  const auto deleted = env->DeleteFile(path);
  if (!written.ok()) return fail(error_of(written));
  if (!deleted.ok()) return fail(error_of(deleted));
  return {};
}

Result<void> LastingDatabase::reopen(OpenMode mode) {
  const std::lock_guard turn(turn_);
  const std::unique_lock alone(open_mutex_);
  database_.reset();
  ++opening_;
  std::string problem;
  auto opened = Database::open(options_, mode, problem);
  if (!opened && opened.error() == Errc::full && mode != OpenMode::to_free) {
    mode = OpenMode::to_free;
    opened = Database::open(options_, mode, problem);
  }
  if (opened) {
    mode_ = mode;
    database_ = std::move(*opened);
    stopped_ = false;
    return {};
  }
  set_failure(opened.error());
  if (auto readable = Database::open_to_read(options_)) database_ = std::move(*readable);
  return fail(opened.error());
}

Result<void> LastingDatabase::recover() {
  const std::lock_guard one(recovery_mutex_);
  const auto reason = failure();
  if (!reason) return {};
  if (stopped_) {
    if (auto writable = probe(); !writable) {
      set_failure(writable.error());
      return writable;
    }
    // Tables on which a compaction failed would stop it again at once.
    const auto mode = reason == Errc::corrupt ? OpenMode::no_tidying : OpenMode::usual;
    if (auto opened = reopen(mode); !opened) return opened;
  }
  reclaim_pending();
  if (stopped_) return fail(failure());
  if (auto kept = fill_reserve(); !kept && kept.error() == Errc::full) {
    set_failure(Errc::full);
    return kept;
  }
  note_recovered();
  return {};
}

// --- Copies of its files ---

// Nothing is flushed for it, which a full disk could not take: the logs are copied as well.
Result<PinnedFiles> LastingDatabase::pin_files() {
  return use([&](Database& database) -> Result<PinnedFiles> {
    // One that was opened to be read alone deletes nothing anyway.
    const auto kept = database.db().DisableFileDeletions();
    if (!kept.ok() && !kept.IsNotSupported()) return fail(error_of(kept));
    std::vector<rocksdb::LiveFileStorageInfo> found;
    const auto status = list_files(database.db(), found);
    PinnedFiles out{options_.folder, {}, opening_};
    if (!status.ok()) {
      let_go_of_files(database.db());
      return fail(error_of(status));
    }
    for (auto& file : found) {
      out.files.push_back({file.relative_filename, file.size, file.replacement_contents});
      if (file.file_type != rocksdb::FileType::kWalFile) continue;
      // RocksDB counts the room behind the records too, into which others are written.
      const auto whole = whole_log_length(options_.folder + "/" + file.relative_filename);
      if (!whole) {
        let_go_of_files(database.db());
        return fail(Errc::io_failed);
      }
      out.files.back().size = *whole;
    }
    return out;
  });
}

void LastingDatabase::unpin_files(const PinnedFiles& pinned) {
  static_cast<void>(use([&](Database& database) -> Result<void> {
    if (pinned.opening == opening_) let_go_of_files(database.db());
    return {};
  }));
}

}  // namespace cip::store
