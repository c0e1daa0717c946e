#include "node/home_content.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

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

// The lock of a home begins with the number of a process, or is empty.
bool is_lock(const fs::path& file) {
  std::ifstream in(file);
  const int first = in.get();
  return !in || (first >= '0' && first <= '9');
}

fs::path foreign_file(const HomePaths& paths) {
  std::error_code error;
  if (fs::is_regular_file(paths.lock, error) && !is_lock(paths.lock)) return paths.lock;
  for (auto at = fs::directory_iterator(paths.database, error);
       !error && at != fs::directory_iterator(); at.increment(error)) {
    if (!is_of_database(at->path())) return at->path();
  }
  return {};
}

}  // namespace

Outcome<void> check_home_content(const HomePaths& paths) {
  std::error_code error;
  if (fs::exists(paths.identity, error)) return {};
  const auto foreign = foreign_file(paths);
  if (foreign.empty()) return {};
  return fail_with(ExitCode::refused,
                   fmt::format("the folder {} is no home of a node, and the file {} in it belongs "
                               "to another program",
                               paths.home.string(), foreign.string()),
                   "choose another folder with --home DIR or CIPNODE_HOME");
}

}  // namespace cip::node
