#pragma once

// Room on the disk that is kept for what makes room: a file beside the folder of a database,
// FOLDER.reserve, whose blocks are taken and hold nothing, and a folder FOLDER.spare of empty
// files, for disks that run out of files (inodes) first. Dropping, clearing and truncating need
// some of both before they give any back: a log, a manifest, and tables written anew.

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace cip::store {

class Reserve {
 public:
  explicit Reserve(const std::string& folder)
      : path_(folder + ".reserve"), spare_(folder + ".spare") {}

  // Makes it as large as `bytes`, or as what there is room for, with its spare files. Errors: those
  // of a disk, when it is less than that now.
  Result<void> fill(std::uint64_t bytes);
  void give_up();
  // Something is kept that giving up would free.
  bool is_filled() const;
  std::uint64_t size() const;

 private:
  Result<void> fill_bytes(std::uint64_t bytes);
  Result<void> fill_files();

  std::string path_;
  std::string spare_;
};

}  // namespace cip::store
