#pragma once

// What a database must have, written down beside its folder: the logs and manifests that were made
// and not deleted since, with the length that each had when it was last synced, and the instance
// once the database is made.
//
// RocksDB believes what it finds in its folder. Where CURRENT, a log or the end of a manifest is
// gone it opens an older or an empty database and deletes the tables of the newer one. So what
// there ought to be is known outside of the folder, and compared before RocksDB sees any of it.
//
// FOLDER.inventory is text: lines of 64 bytes, padded with spaces, so that none crosses a sector
// and each is rewritten in place, which needs no room on a full disk:
//
//   cipnode database 1
//   instance HEX                 32 digits; dashes until the database is made
//   file LENGTH NAME             20 digits; or blank
//
// A file is listed once it is durable and taken off before it is deleted. Lengths are written
// without sync, after the sync of the file itself: after a power cut they may be too small.

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/result.hpp"
#include "store/backend.hpp"

namespace cip::store {

class Inventory {
 public:
  // Reads it; nothing is written before the first change. `problem`: what is wrong, in words.
  // Errors: corrupt, unknown_format, io_failed.
  static Result<std::shared_ptr<Inventory>> open(const std::string& folder, std::string& problem);
  static Result<std::shared_ptr<Inventory>> open(const std::string& folder);
  ~Inventory();
  Inventory(const Inventory&) = delete;
  Inventory& operator=(const Inventory&) = delete;

  static std::filesystem::path path_of(const std::string& folder) { return folder + ".inventory"; }

  // Whether there was a complete database once.
  bool is_made() const { return instance_.has_value(); }
  const std::optional<DatabaseInstance>& instance() const { return instance_; }
  // Whether the folder holds what only a database that was written to has.
  bool has_data() const;
  // What is missing of the folder, as words for its owner; empty: nothing.
  std::string missing() const;
  // Logs that are listed and are gone, or do not hold what was synced to them.
  std::set<std::string> lost_logs() const;

  // All thread-safe. Errors of a disk; then nothing has changed.
  Result<void> set_instance(const DatabaseInstance& instance);
  Result<void> add(const std::string& name);
  Result<void> remove(const std::string& name);
  void note_length(const std::string& name, std::uint64_t length);

 private:
  struct Listed {
    std::size_t line = 0;
    std::uint64_t length = 0;
  };

  explicit Inventory(std::string folder) : folder_(std::move(folder)) {}
  Result<void> read(const std::string& text, std::string& problem);
  Result<void> make();
  Result<void> write_line(std::size_t line, const std::string& text, bool sync);
  std::size_t free_line() const;

  std::string folder_;
  mutable std::mutex mutex_;
  int fd_ = -1;
  std::optional<DatabaseInstance> instance_;
  std::map<std::string, Listed> files_;
};

}  // namespace cip::store
