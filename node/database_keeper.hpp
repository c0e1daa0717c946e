#pragma once

// The database of a home: opened, opened anew by itself when its disk has failed, and held still
// for who copies it.

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "base/time.hpp"
#include "node/home.hpp"
#include "node/storage_pool.hpp"
#include "store/disk_recovery.hpp"
#include "store/file_pins.hpp"

namespace cip::node {

// Opens or makes the database. Errors: corrupt (damaged, or something of it is missing), full,
// busy, incompatible, internal.
Outcome<std::unique_ptr<store::Backend>> open_database(const HomePaths& paths, Random& random);

// Tries to write again after a failure of the disk, at once and then in pauses that double. Network
// thread only.
class DatabaseKeeper {
 public:
  static constexpr Duration kFirstPause = std::chrono::milliseconds(250);
  static constexpr Duration kLongestPause = std::chrono::seconds(4);

  // All outlive it. `backend` is one of open_database().
  DatabaseKeeper(asio::io_context& io, store::Backend& backend, StoragePool& pool);
  ~DatabaseKeeper();
  DatabaseKeeper(const DatabaseKeeper&) = delete;
  DatabaseKeeper& operator=(const DatabaseKeeper&) = delete;

  // Why nothing is written at present; no error: all is well.
  std::error_code failure() const { return recovery_.failure(); }

  // The files of the database stay as they are until the last owner of the answer lets it go.
  using FilesHeld = std::shared_ptr<const store::PinnedFiles>;
  void hold_files(std::function<void(Result<FilesHeld>)> done);

 private:
  void begin();
  void try_later();
  void try_now();
  void note(const Result<void>& recovered);
  FilesHeld held(store::PinnedFiles pinned);

  asio::io_context& io_;
  store::DiskRecovery& recovery_;
  StoragePool& pool_;
  asio::steady_timer timer_;
  bool is_trying_ = false;
  Duration pause_ = kFirstPause;
  std::error_code reason_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
