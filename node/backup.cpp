#include "node/backup.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/file_copy.hpp"
#include "node/home_content.hpp"
#include "node/operation.hpp"
#include "node/signals.hpp"
#include "node/system_random.hpp"
#include "node/version.hpp"
#include "store/backend.hpp"

namespace cip::node {

namespace fs = std::filesystem;

namespace {

bool is_mount_point(const fs::path& folder) {
  struct stat own {
  }, above{};
  return ::stat(folder.c_str(), &own) == 0 && ::stat(folder.parent_path().c_str(), &above) == 0 &&
         own.st_dev != above.st_dev;
}

Outcome<void> check_backup_target(const HomePaths& home, const fs::path& target) {
  std::error_code error;
  if (is_home_file(home, target)) {
    return fail_with(ExitCode::usage,
                     fmt::format("{} is what the home itself lives on", target.string()),
                     "name another folder, best on another disk");
  }
  if (!fs::is_directory(target.parent_path(), error)) {
    return fail_with(ExitCode::usage,
                     fmt::format("there is no folder {}", target.parent_path().string()),
                     "make it first, or name another");
  }
  const auto type = fs::symlink_status(target, error).type();
  if (type == fs::file_type::not_found) return {};
  // It is written beside, and gets its name at the end.
  if (type == fs::file_type::symlink || is_mount_point(target)) {
    return fail_with(ExitCode::usage,
                     fmt::format("{} is {}, whose place a backup cannot take", target.string(),
                                 type == fs::file_type::symlink ? "a link" : "where a disk begins"),
                     fmt::format("name a new folder in it: {}", (target / "backup").string()));
  }
  if (fs::is_directory(target, error) && fs::is_empty(target, error)) return {};
  return fail_with(ExitCode::conflict, target.string() + " is there already",
                   "name a new folder; an older backup is never replaced");
}

// "backup/" and "backup" are one folder.
fs::path whole_name(const fs::path& folder) {
  const auto whole = fs::absolute(folder).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

}  // namespace

Outcome<BackupWriter> BackupWriter::begin(const HomePaths& home, const fs::path& target) {
  const auto folder = whole_name(target);
  if (auto free = check_backup_target(home, folder); !free) return tl::unexpected(free.error());
  return BackupWriter(home, folder);
}

BackupWriter::BackupWriter(HomePaths home, fs::path target)
    : home_(std::move(home)), target_(std::move(target)), partial_(target_) {
  partial_ += fmt::format(".partial-{}", ::getpid());
}

BackupWriter::BackupWriter(BackupWriter&& other) noexcept
    : home_(std::move(other.home_)),
      target_(std::move(other.target_)),
      partial_(std::exchange(other.partial_, {})),
      manifest_(std::move(other.manifest_)) {}

BackupWriter::~BackupWriter() {
  std::error_code ignored;
  if (!partial_.empty()) fs::remove_all(partial_, ignored);
}

Outcome<void> BackupWriter::copy(const Json& pinned) {
  std::error_code ignored;
  fs::remove_all(partial_, ignored);
  manifest_ = {};
  manifest_.program = kProgramVersion;
  manifest_.store_format = store::kStoreFormat;
  manifest_.created = now().wall;
  for (const auto& folder : {partial_, partial_ / "database"}) {
    if (auto made = make_folder(folder); !made) return made;
  }
  SystemRandom random;
  const auto identity = open_identity(home_, random);
  if (!identity) return tl::unexpected(identity.error());
  manifest_.identity = identity->peer.public_key;
  if (auto done = copy_database(pinned); !done) return done;
  std::error_code missing;
  if (const auto bytes = fs::file_size(home_.config, missing); !missing) {
    auto copied = copy_file(home_.config, partial_ / "config.toml", bytes);
    if (auto done = take("config.toml", bytes, copied); !done) return done;
  }
  // Behind the rest: what a process that was killed leaves is no home without it.
  const auto& secret = identity->primary_key;
  return take("identity", secret.size(), write_new_file(partial_ / "identity", secret));
}

Outcome<void> BackupWriter::copy_database(const Json& pinned) {
  Params told(pinned);
  const fs::path folder = told.text("folder");
  for (const auto& file : pinned.value("files", Json::array())) {
    Params entry(file);
    const auto name = entry.text("name");
    const auto contents = entry.text("contents");
    const auto bytes = contents.empty() ? entry.number("bytes").value_or(0) : contents.size();
    const auto path = "database/" + name;
    const auto copied = contents.empty() ? copy_file(folder / name, partial_ / path, bytes)
                                         : write_new_file(partial_ / path, bytes_of(contents));
    if (auto done = take(path, bytes, copied); !done) return done;
  }
  return {};
}

Outcome<void> BackupWriter::take(const std::string& path, std::uint64_t bytes,
                                 const Outcome<Bytes32>& hash) {
  if (!hash) return tl::unexpected(hash.error());
  manifest_.files.push_back({path, bytes, *hash});
  return {};
}

// The manifest comes last: until then it is no backup.
Outcome<Json> BackupWriter::finish() {
  const auto text = encode_manifest(manifest_);
  // One that could not be restored is none.
  if (auto read = decode_manifest(text); !read) return tl::unexpected(read.error());
  for (const auto& folder : {partial_ / "database", partial_}) {
    if (auto synced = sync_folder(folder); !synced) return tl::unexpected(synced.error());
  }
  auto written = write_new_file(partial_ / kManifestName, bytes_of(text));
  if (!written) return tl::unexpected(written.error());
  if (auto synced = sync_folder(partial_); !synced) return tl::unexpected(synced.error());
  if (caught_signal() != 0) return fail_with(ExitCode::internal, "it was interrupted");
  if (auto moved = move_into_place(partial_, target_); !moved) return tl::unexpected(moved.error());
  partial_.clear();
  // The copy stands; with the power it could lose its name at most, for that of a partial one.
  static_cast<void>(sync_folder(target_.parent_path()));
  std::uint64_t bytes = 0;
  for (const auto& file : manifest_.files) bytes += file.bytes;
  return Json{{"dir", target_.string()},
              {"key", to_z32(manifest_.identity)},
              {"keyHex", to_hex(manifest_.identity)},
              {"files", manifest_.files.size()},
              {"bytes", bytes},
              {"created", manifest_.created.value}};
}

}  // namespace cip::node
