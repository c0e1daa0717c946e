#pragma once

// Whole files of users, in and out. What cannot be read to its end is an error and never a shorter
// file; what cannot be written to its end leaves what was there before.

#include <sys/types.h>

#include <string>
#include <string_view>

#include "cli/exit_code.hpp"

namespace cip::cli {

// Everything in `path`, which is called `what` in errors ("the trace FILE cannot be read: …").
// Errors: usage (missing, a folder, not ours to read, larger than `most`), internal (a read
// failed).
Outcome<std::string> read_file(const std::string& path, std::string_view what, std::size_t most);
// The same from a descriptor, which stays open.
Outcome<std::string> read_descriptor(int fd, std::string_view what, std::size_t most);

// Whether anything is called so.
bool is_there(const std::string& path);
// Whether two names lead to one file, there or not. Devices and pipes count as many.
bool is_same_file(const std::string& one, const std::string& other);
// Whether write_file() will find its way: nothing is changed, and no empty file stays. Error usage,
// also for a file of a cipnode home: a node whose identity or database was replaced is lost.
Outcome<void> check_writable(const std::string& path);

struct FileRules {
  mode_t mode = 0666;      // of a new file, less the umask
  bool overwrites = true;  // false: a file of that name is error conflict
};
// Puts `bytes` in place of what `path` holds, in one step where it is a file: written beside it,
// synced, then renamed. Pipes and devices are written as they are. Errors: usage (it cannot be
// made), conflict, full, internal.
Outcome<void> write_file(const std::string& path, std::string_view bytes, FileRules rules = {});

}  // namespace cip::cli
