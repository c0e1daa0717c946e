#pragma once

// What a Backend on a disk can do so that somebody copies its files while it goes on: the files are
// kept, and the first `size` bytes of each stay as they are. A copy of all of them is the database
// at the moment of the pin, or a little later, and opens like one that lost its power then.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace cip::store {

struct PinnedFile {
  std::string name;
  std::uint64_t size = 0;
  std::string contents;  // where not empty: what the copy holds, whatever the file does
};
struct PinnedFiles {
  std::string folder;
  std::vector<PinnedFile> files;
  std::uint64_t opening = 0;  // of the database: what is opened anew has dropped its pins
};

class FilePins {
 public:
  virtual ~FilePins() = default;

  // Files that are pinned take their room until unpin_files(); pins may overlap. Both block.
  [[nodiscard]] virtual Result<PinnedFiles> pin_files() = 0;
  virtual void unpin_files(const PinnedFiles& pinned) = 0;
};

}  // namespace cip::store
