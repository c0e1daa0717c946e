#include "node/restore.hpp"

#include <fmt/format.h>

#include <fstream>

#include "base/text.hpp"
#include "node/backup_manifest.hpp"
#include "node/database_keeper.hpp"
#include "node/file_copy.hpp"
#include "node/store_error.hpp"
#include "node/system_random.hpp"
#include "store/feed_store.hpp"
#include "store/rocksdb/inventory.hpp"

namespace cip::node {

namespace fs = std::filesystem;

namespace {

// What a restore that was cut off may have left, besides its own folder and the lock.
bool is_placed_by_restore(const HomePaths& home, const fs::path& file) {
  return file == home.config || file == home.database ||
         file == store::Inventory::path_of(home.database.string());
}

// Nothing is in the home but what an earlier restore left, which goes.
Outcome<void> clear_home(const HomePaths& home) {
  std::error_code error;
  const bool was_cut_off = fs::exists(home.restoring, error) && !fs::exists(home.identity, error);
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(home.home, error)) {
    const auto& file = entry.path();
    if (file == home.lock) continue;
    const bool is_ours = file == home.restoring || is_placed_by_restore(home, file);
    if (!was_cut_off || !is_ours) {
      return fail_with(ExitCode::conflict,
                       fmt::format("the home {} is not empty: it has {}", home.home.string(),
                                   file.filename().string()),
                       "name a folder that does not exist, or is empty: --home DIR");
    }
    // Last, as it says what the others are.
    if (file != home.restoring) left.push_back(file);
  }
  for (const auto& file : left) fs::remove_all(file, error);
  fs::remove_all(home.restoring, error);
  return {};
}

tl::unexpected<Error> unreadable(const fs::path& place) {
  return fail_with(ExitCode::refused, fmt::format("{} cannot be read", place.string()),
                   "restore as a user who may read it");
}

Outcome<BackupManifest> read_manifest(const fs::path& backup) {
  const auto file = backup / kManifestName;
  std::error_code error;
  const bool is_file = fs::is_regular_file(file, error);
  if (error == std::errc::permission_denied) return unreadable(backup);
  if (!is_file) {
    return fail_with(
        ExitCode::usage,
        fmt::format("{} is no backup: it has no manifest, which is written last", backup.string()),
        "name a folder that cipnode backup finished");
  }
  if (fs::file_size(file, error) > kLargestManifest || error) {
    return fail_with(ExitCode::corrupt, fmt::format("{} is far too large", file.string()),
                     "use another backup");
  }
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad() || !in.is_open()) {
    return unreadable(file);
  }
  return decode_manifest(text);
}

Outcome<void> copy_checked(const BackupFile& file, const fs::path& backup, const fs::path& into) {
  const auto from = backup / file.path;
  std::error_code error;
  if (fs::file_size(from, error) > file.bytes && !error) {
    return fail_with(ExitCode::corrupt, fmt::format("{} is longer than it was", from.string()),
                     "use another backup");
  }
  const auto hash = copy_file(from, into / file.path, file.bytes);
  if (!hash) {
    auto problem = hash.error();
    if (problem.code == ExitCode::corrupt) problem.hint = "use another backup";
    return tl::unexpected(std::move(problem));
  }
  if (*hash == file.hash) return {};
  return fail_with(ExitCode::corrupt,
                   fmt::format("{} was changed since the backup was made", from.string()),
                   "use another backup");
}

// A home in the making: it goes, unless it was finished.
class Restore {
 public:
  Restore(const HomePaths& home, const BackupManifest& manifest)
      : home_(home), partial_(home.restoring), manifest_(manifest) {}
  ~Restore() {
    std::error_code ignored;
    if (!is_placed_) fs::remove_all(partial_.home, ignored);
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

  Outcome<void> copy(const fs::path& backup);
  // The number of own feeds.
  Outcome<std::size_t> mark();
  Outcome<void> place();

 private:
  const HomePaths& home_;
  HomePaths partial_;
  const BackupManifest& manifest_;
  bool is_placed_ = false;
};

Outcome<void> Restore::copy(const fs::path& backup) {
  for (const auto& folder : {partial_.home, partial_.database}) {
    if (auto made = make_folder(folder); !made) return made;
  }
  for (const auto& file : manifest_.files) {
    if (auto copied = copy_checked(file, backup, partial_.home); !copied) return copied;
  }
  return {};
}

Outcome<std::size_t> Restore::mark() {
  SystemRandom random;
  const auto identity = open_identity(partial_, random);
  if (!identity) return tl::unexpected(identity.error());
  if (identity->peer.public_key != manifest_.identity) {
    return fail_with(ExitCode::corrupt, "the identity in the backup is another than it names",
                     "use another backup");
  }
  auto database = open_database(partial_, random);
  if (!database) {
    return fail_with(database.error().code,
                     "the database in the backup cannot be opened: " + database.error().message,
                     "use another backup");
  }
  const auto marked = store::FeedStore(**database, identity->primary_key).mark_restored();
  if (!marked) return tl::unexpected(error_from(marked.error(), "marking the restored feeds"));
  return *marked;
}

Outcome<void> Restore::place() {
  const auto move = [](const fs::path& from, const fs::path& to) -> Outcome<void> {
    std::error_code error;
    return fs::exists(from, error) ? move_into_place(from, to) : Outcome<void>();
  };
  const auto inventory = [](const HomePaths& paths) {
    return store::Inventory::path_of(paths.database.string());
  };
  if (auto synced = sync_folder(partial_.home); !synced) return synced;
  is_placed_ = true;
  for (const auto& [from, to] :
       {std::pair(partial_.config, home_.config), std::pair(inventory(partial_), inventory(home_)),
        std::pair(partial_.database, home_.database),
        std::pair(partial_.identity, home_.identity)}) {
    if (auto moved = move(from, to); !moved) return moved;
  }
  if (auto synced = sync_folder(home_.home); !synced) return synced;
  // Room that was kept for the database, which is made anew.
  std::error_code ignored;
  fs::remove_all(partial_.home, ignored);
  return {};
}

}  // namespace

Outcome<Json> restore_home(const HomePaths& home, const fs::path& backup) {
  const auto manifest = read_manifest(backup);
  if (!manifest) return tl::unexpected(manifest.error());
  if (auto made = make_home(home); !made) return tl::unexpected(made.error());
  const auto lock = HomeLock::acquire(home, "cipnode restore", HomeRole::in_process);
  if (!lock) return tl::unexpected(lock.error());
  if (auto cleared = clear_home(home); !cleared) return tl::unexpected(cleared.error());
  Restore restore(home, *manifest);
  if (auto copied = restore.copy(backup); !copied) return tl::unexpected(copied.error());
  const auto feeds = restore.mark();
  if (!feeds) return tl::unexpected(feeds.error());
  if (auto placed = restore.place(); !placed) return tl::unexpected(placed.error());
  std::uint64_t bytes = 0;
  for (const auto& file : manifest->files) bytes += file.bytes;
  return Json{{"home", home.home.string()},
              {"key", to_z32(manifest->identity)},
              {"keyHex", to_hex(manifest->identity)},
              {"files", manifest->files.size()},
              {"bytes", bytes},
              {"feeds", *feeds},
              {"created", manifest->created.value},
              {"program", manifest->program}};
}

}  // namespace cip::node
