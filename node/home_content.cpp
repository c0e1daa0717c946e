#include "node/home_content.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>

#include "node/backup_manifest.hpp"
#include "store/rocksdb/inventory.hpp"

namespace cip::node {

namespace fs = std::filesystem;

namespace {

// Files of RocksDB: a first start that was cut off may have left any of them, and nothing else.
bool is_of_database(const fs::path& file) {
  constexpr std::array<std::string_view, 4> kNames = {"CURRENT", "IDENTITY", "LOCK", "LOG"};
  constexpr std::array<std::string_view, 4> kKinds = {".sst", ".blob", ".log", ".dbtmp"};
  const auto name = file.filename().string();
  return std::ranges::find(kNames, name) != kNames.end() || name.starts_with("MANIFEST-") ||
         name.starts_with("OPTIONS-") || name.starts_with("LOG.") ||
         std::ranges::find(kKinds, file.extension().string()) != kKinds.end();
}

// Also a link that leads nowhere: what is made through it would be somebody else's.
bool is_there(const fs::path& file) {
  std::error_code error;
  const auto type = fs::symlink_status(file, error).type();
  return type != fs::file_type::not_found && type != fs::file_type::none;
}

bool is_lock(const fs::path& file) {
  constexpr std::size_t kMost = 4096;
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return false;
  std::ifstream in(file);
  std::string text(kMost, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return is_lock_text(text);
}

fs::path beside(fs::path file, std::string_view ending) {
  file += ending;
  return file;
}

fs::path foreign_in_database(const fs::path& database) {
  std::error_code error;
  if (is_there(database) && !fs::is_directory(database, error)) return database;
  for (auto at = fs::directory_iterator(database, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    if (!is_of_database(at->path())) return at->path();
  }
  return {};
}

fs::path foreign_file(const HomePaths& paths) {
  if (is_there(paths.lock) && !is_lock(paths.lock)) return paths.lock;
  if (auto found = foreign_in_database(paths.database); !found.empty()) return found;
  // A home that lost its identity: open_identity() says so.
  if (has_database(paths)) return {};
  for (const auto& file :
       {paths.socket, paths.log, beside(paths.log, ".1"), beside(paths.database, ".reserve"),
        beside(paths.database, ".spare"), paths.mark}) {
    if (is_there(file)) return file;
  }
  return {};
}

// The same name for every way to a file, whether it is there or not; empty: there is no way.
fs::path place_of(const fs::path& file) {
  std::error_code error;
  const auto whole = fs::absolute(file, error);
  return error ? fs::path() : fs::weakly_canonical(whole, error);
}

bool is_below(const fs::path& file, const fs::path& folder) {
  const auto way = file.lexically_relative(folder);
  return !way.empty() && *way.begin() != "..";
}

}  // namespace

bool is_backup(const HomePaths& paths) {
  std::ifstream in(paths.home / kManifestName, std::ios::binary);
  std::string start(kManifestTitle.size(), '\0');
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  return start == kManifestTitle;
}

bool has_database(const HomePaths& paths) {
  return is_there(store::Inventory::path_of(paths.database.string())) ||
         is_there(paths.database / "CURRENT");
}

Outcome<void> check_home_content(const HomePaths& paths) {
  std::error_code error;
  if (is_backup(paths)) {
    return fail_with(ExitCode::refused,
                     fmt::format("the folder {} is a backup, not a home", paths.home.string()),
                     "make a home of it: cipnode --home NEW restore BACKUP");
  }
  if (fs::exists(paths.identity, error)) return {};
  const auto foreign = foreign_file(paths);
  // Another command may be making the home at this time: the identity comes before the rest.
  if (foreign.empty() || fs::exists(paths.identity, error)) return {};
  return fail_with(ExitCode::refused,
                   fmt::format("the folder {} is no home of a node, and {} in it belongs "
                               "to another program",
                               paths.home.string(), foreign.string()),
                   "choose another folder with --home DIR or CIPNODE_HOME");
}

bool is_home_file(const HomePaths& paths, const fs::path& file) {
  const auto place = place_of(file);
  if (place.empty()) return false;
  for (const auto& own : {paths.identity, paths.lock, paths.socket, paths.config, paths.log,
                          beside(paths.log, ".1"), paths.restoring}) {
    if (place == place_of(own)) return true;
  }
  if (is_below(place, place_of(paths.database))) return true;
  // The database has files beside its folder.
  const auto way = place.lexically_relative(place_of(paths.home));
  return !way.empty() && way.begin()->string().starts_with("database");
}

}  // namespace cip::node
