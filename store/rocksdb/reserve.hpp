#pragma once

// Room on the disk that is kept for what makes room: a file beside the folder of a database,
// FOLDER.reserve, whose blocks are taken and hold nothing. Dropping, clearing and truncating need
// some disk before they give any back: a log, and tables written anew.

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace cip::store {

class Reserve {
 public:
  explicit Reserve(const std::string& folder) : path_(folder + ".reserve") {}

  // Makes it as large as `bytes`, or as what there is room for. Errors: those of a disk, when it is
  // smaller than `bytes` now.
  Result<void> fill(std::uint64_t bytes);
  void give_up();
  std::uint64_t size() const;

 private:
  std::string path_;
};

}  // namespace cip::store
