#include "node/database_keeper.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <asio/post.hpp>
#include <filesystem>

#include "node/descriptors.hpp"
#include "node/log.hpp"
#include "node/saved_formats.hpp"
#include "node/store_error.hpp"
#include "store/rocksdb/rocks_backend.hpp"

namespace cip::node {

namespace {

constexpr const char* kWayOut =
    "nothing was deleted. Restore the home from a backup, as a whole; or save what can be read "
    "into a new home with: cipnode salvage DIR";

constexpr const char* kWayOutOfNothing =
    "restore the home from a backup, as a whole; whoever wants to begin without the old feeds "
    "deletes database.inventory too";

}  // namespace

Outcome<std::unique_ptr<store::Backend>> open_database(const HomePaths& paths, Random& random) {
  store::RocksOptions options;
  options.folder = paths.database.string();
  options.owners_formats = saved_formats();
  options.max_open_files = static_cast<int>(share_descriptors(raise_descriptor_limit()).database);
  std::string problem;
  // RocksDB makes files that anybody may read: the folder keeps others out, from the first moment.
  const auto mask = ::umask(077);
  auto backend = store::open_rocks_backend(options, random, &problem);
  ::umask(mask);
  if (backend) {
    ::chmod(paths.database.c_str(), 0700);
    return std::move(*backend);
  }
  if (backend.error() == store::Errc::unknown_format && !problem.empty()) {
    return fail_with(ExitCode::incompatible,
                     fmt::format("the database {} has a format that this program does not know: {}",
                                 paths.database.string(), problem),
                     "nothing was changed; use the version that wrote it, or a newer one");
  }
  auto error =
      error_from(backend.error(), fmt::format("opening the database {}", paths.database.string()));
  if (!problem.empty()) error.message += fmt::format(" ({})", problem);
  if (error.code == ExitCode::corrupt) {
    const bool is_gone = !std::filesystem::exists(paths.database);
    error.hint = is_gone ? kWayOutOfNothing : kWayOut;
  }
  return tl::unexpected(std::move(error));
}

DatabaseKeeper::DatabaseKeeper(asio::io_context& io, store::Backend& backend, StoragePool& pool)
    : io_(io), recovery_(store::disk_recovery_of(backend)), pool_(pool), timer_(io) {
  recovery_.watch_failures([this, alive = std::weak_ptr(alive_)] {
    asio::post(io_, [this, alive] {
      if (!alive.expired()) begin();
    });
  });
}

DatabaseKeeper::~DatabaseKeeper() { recovery_.watch_failures({}); }

void DatabaseKeeper::begin() {
  if (std::exchange(is_trying_, true)) return;
  reason_ = recovery_.failure();
  log(Floor::store, LogLevel::error, "the database cannot be written: {}; it is tried again",
      reason_.message());
  try_later();
}

void DatabaseKeeper::try_later() {
  timer_.expires_after(pause_);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (!error && !alive.expired()) try_now();
  });
  pause_ = std::min(pause_ * 2, kLongestPause);
}

void DatabaseKeeper::try_now() {
  auto recovered = std::make_shared<Result<void>>();
  pool_.submit(
      store::StorageLane::recovery,
      [this, recovered](store::Backend&) { *recovered = recovery_.recover(); },
      [this, recovered, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) note(*recovered);
      });
}

void DatabaseKeeper::note(const Result<void>& recovered) {
  if (!recovered) {
    if (recovered.error() != reason_) {
      reason_ = recovered.error();
      log(Floor::store, LogLevel::error, "the database cannot be written: {}", reason_.message());
    }
    return try_later();
  }
  is_trying_ = false;
  pause_ = kFirstPause;
  log(Floor::store, LogLevel::info, "the database is written again");
  // It may have failed once more in between, which was told while this was under way.
  if (recovery_.failure()) begin();
}

void DatabaseKeeper::hold_files(std::function<void(Result<FilesHeld>)> done) {
  auto pinned = std::make_shared<Result<store::PinnedFiles>>();
  pool_.submit(
      store::StorageLane::status,
      [pinned](store::Backend& backend) { *pinned = store::file_pins_of(backend).pin_files(); },
      [this, pinned, done = std::move(done), alive = std::weak_ptr(alive_)] {
        if (alive.expired()) return;
        if (!*pinned) return done(fail(pinned->error()));
        done(held(std::move(**pinned)));
      });
}

DatabaseKeeper::FilesHeld DatabaseKeeper::held(store::PinnedFiles pinned) {
  const auto let_go = [this, alive = std::weak_ptr(alive_)](const store::PinnedFiles* files) {
    const std::shared_ptr<const store::PinnedFiles> last(files);
    if (alive.expired()) return;
    pool_.submit(
        store::StorageLane::status,
        [last](store::Backend& backend) { store::file_pins_of(backend).unpin_files(*last); },
        [] {});
  };
  return FilesHeld(new store::PinnedFiles(std::move(pinned)), let_go);
}

}  // namespace cip::node
