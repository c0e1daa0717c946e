#pragma once

// A Database that lasts over failures of its disk. RocksDB stops at the first write that fails: it
// refuses every later one, and some make it abort. So after a failure nothing more is written;
// what is there can be read; and recover() closes the database and opens it anew once the disk
// takes writes again, which replays the logs and so brings back all that was acknowledged.
//
// A full disk is more than that. A reserve (reserve.hpp) is kept for what makes room, and is made
// again afterwards. While it is not whole only what makes room is written, so that nothing else
// uses it up. Thread-safe.

#include <rocksdb/write_batch.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "store/file_pins.hpp"
#include "store/rocksdb/database.hpp"
#include "store/rocksdb/reserve.hpp"

namespace cip::store {

class LastingDatabase {
 public:
  explicit LastingDatabase(const RocksOptions& options);
  ~LastingDatabase();
  LastingDatabase(const LastingDatabase&) = delete;
  LastingDatabase& operator=(const LastingDatabase&) = delete;

  // Errors: those of open_rocks_backend(). `problem`: what is wrong, in words, where that says
  // more.
  Result<void> open(std::string& problem);
  // Notes what the database is, once it is complete; corrupt: it is another one than it was.
  Result<void> note_instance(const DatabaseInstance& instance);
  bool was_made();

  // Runs `job(Database&)` and returns its Result; the database is not closed meanwhile.
  template <typename Job>
  auto use(Job job) -> decltype(job(std::declval<Database&>())) {
    const auto in_use = enter();
    if (!database_) return fail(failure());
    return job(*database_);
  }

  using Fill = std::function<Result<void>(Database&, rocksdb::WriteBatch&)>;
  struct WriteOptions {
    bool sync = false;
    bool makes_room = false;
    std::size_t bytes = 0;  // about
  };
  // Writes what `fill` puts into a batch; it may be called again after the database was opened
  // anew.
  Result<void> write(const WriteOptions& options, const Fill& fill);
  Result<void> sync();
  // What cannot be done now is tried again by recover().
  void reclaim(FeedNumber feed);

  std::error_code failure() const;
  void watch_failures(std::function<void()> told);
  Result<void> recover();

  // FilePins.
  Result<PinnedFiles> pin_files();
  void unpin_files(const PinnedFiles& pinned);

 private:
  // Nobody enters while somebody waits to close the database.
  std::shared_lock<std::shared_mutex> enter() {
    const std::lock_guard turn(turn_);
    return std::shared_lock(open_mutex_);
  }
  Result<void> write_now(const WriteOptions& options, const Fill& fill);
  Result<void> write_in_reserve(const WriteOptions& options, const Fill& fill);
  Result<void> reclaim_now(FeedNumber feed);
  void reclaim_pending();
  void grow_reserve(std::size_t written);
  Result<void> fill_reserve();
  std::uint64_t wanted_reserve() const;
  Result<void> probe() const;
  Result<void> reopen(OpenMode mode);
  void note_failure(std::error_code reason);
  void set_failure(std::error_code reason);
  void tell();
  void note_recovered();

  RocksOptions options_;
  Reserve reserve_;
  std::mutex turn_;
  std::shared_mutex open_mutex_;
  std::unique_ptr<Database> database_;
  std::atomic<std::uint64_t> opening_{0};  // how often it was opened anew
  // Held to open anew, to use the reserve and to make it again.
  std::mutex recovery_mutex_;
  OpenMode mode_ = OpenMode::usual;
  std::atomic<bool> stopped_{false};  // RocksDB writes nothing more
  mutable std::mutex failure_mutex_;
  std::error_code failure_;
  std::atomic<std::size_t> written_{0};
  std::mutex pending_mutex_;
  std::set<FeedNumber> pending_;  // feeds whose room could not be given back yet
  std::mutex told_mutex_;
  std::function<void()> told_;
};

}  // namespace cip::store
