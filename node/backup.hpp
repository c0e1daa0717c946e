#pragma once

// `cipnode backup`: a home as a folder that `cipnode restore` makes a home of, see
// backup_manifest.hpp. The node of the home holds the files of its database still
// (store/file_pins.hpp) while the process of the command copies them, so that the node goes on and
// the copy is one moment of it.

#include <filesystem>

#include "node/backup_manifest.hpp"
#include "node/home.hpp"
#include "node/service.hpp"

namespace cip::node {

// Writes beside the folder that is wanted, which is there once it is whole.
class BackupWriter {
 public:
  // Errors: conflict (there is something), usage (no folder can be made there, or it is a place of
  // the home's own files).
  static Outcome<BackupWriter> begin(const HomePaths& home, const std::filesystem::path& target);
  BackupWriter(BackupWriter&& other) noexcept;
  BackupWriter& operator=(BackupWriter&&) = delete;
  // What is not finished is taken away.
  ~BackupWriter();

  // Copies what there is while the node holds `pinned` still, its answer to the method "backup";
  // once more, it begins anew. Errors: those of copy_file(), of open_identity().
  Outcome<void> copy(const Json& pinned);
  // {"dir", "key", "keyHex", "files": n, "bytes": n, "created": ms}. Errors: full, conflict
  // (something is there now), internal.
  Outcome<Json> finish();

 private:
  BackupWriter(HomePaths home, std::filesystem::path target);
  Outcome<void> take(const std::string& path, std::uint64_t bytes, const Outcome<Bytes32>& hash);
  Outcome<void> copy_database(const Json& pinned);

  HomePaths home_;
  std::filesystem::path target_;
  std::filesystem::path partial_;
  BackupManifest manifest_;
};

}  // namespace cip::node
