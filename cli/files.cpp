#include "cli/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "node/home_content.hpp"

namespace cip::cli {
namespace {

namespace fs = std::filesystem;

std::string reason_of(int problem) { return std::generic_category().message(problem); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool ok() const { return fd_ >= 0; }
  int operator*() const { return fd_; }
  // Some file systems say only now that a write failed. The number of the error, or 0.
  int close() { return ::close(std::exchange(fd_, -1)) == 0 ? 0 : errno; }

 private:
  int fd_;
};

// The number of the error, or 0.
int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

tl::unexpected<Error> unwritten(const std::string& path, int problem) {
  const bool full = problem == ENOSPC || problem == EDQUOT || problem == EFBIG;
  return fail_with(full ? ExitCode::full : ExitCode::internal,
                   fmt::format("{} could not be written to its end: {}", path, reason_of(problem)),
                   full ? "free some space and try again" : "name a file on another disk");
}

tl::unexpected<Error> unwritable(const std::string& path, int problem) {
  return usage_error(fmt::format("{} cannot be written: {}", path, reason_of(problem)),
                     "name a file in a directory that exists and is yours");
}

// A pipe or a device, which nothing can take the place of.
bool is_special(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

Outcome<void> write_in_place(const std::string& path, std::string_view bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_TRUNC | O_NOCTTY));
  if (!file.ok()) return unwritable(path, errno);
  const int problem = write_all(*file, bytes);
  const int closing = file.close();
  if (problem != 0 || closing != 0) return unwritten(path, problem != 0 ? problem : closing);
  return {};
}

// The file that a name leads to: a link stays one, what it names is replaced.
std::string target_of(const std::string& path) {
  char* found = ::realpath(path.c_str(), nullptr);
  const std::string out = found == nullptr ? path : found;
  ::free(found);
  return out;
}

// The whole name without links and dots, of what may not be there yet.
fs::path followed(const std::string& path) {
  std::error_code problem;
  const auto absolute = fs::absolute(path, problem);
  const auto out = fs::weakly_canonical(absolute, problem);
  return problem ? absolute : out;
}

// In the folder of a home or in a folder of that. A database alone is not a home's.
bool is_of_home(const fs::path& path) {
  std::error_code ignored;
  const auto folder = path.parent_path();
  for (const auto& place : {folder, folder.parent_path()}) {
    const node::HomePaths home(place);
    const bool is_home =
        fs::is_directory(home.database, ignored) && fs::exists(home.identity, ignored);
    if (is_home && node::is_home_file(home, path)) return true;
  }
  return false;
}

mode_t mode_for(const std::string& path, const FileRules& rules) {
  struct stat info {};
  const bool keeps = rules.overwrites && rules.mode == FileRules{}.mode;
  return keeps && ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : rules.mode;
}

// Links a file into place where none may be, renames it where one may.
int place(const std::string& temporary, const std::string& path, bool overwrites) {
  if (overwrites) return ::rename(temporary.c_str(), path.c_str()) == 0 ? 0 : errno;
  const int problem = ::link(temporary.c_str(), path.c_str()) == 0 ? 0 : errno;
  ::unlink(temporary.c_str());
  return problem;
}

}  // namespace

Outcome<std::string> read_descriptor(int fd, std::string_view what, std::size_t most) {
  std::string out;
  std::array<char, 64 * 1024> piece{};
  while (true) {
    const auto n = ::read(fd, piece.data(), piece.size());
    if (n == 0) return out;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const bool never = errno == EISDIR || errno == EBADF;
      return fail_with(never ? ExitCode::usage : ExitCode::internal,
                       fmt::format("{} cannot be read: {}", what, reason_of(errno)),
                       "name a file that exists and that you may read");
    }
    out.append(piece.data(), static_cast<std::size_t>(n));
    if (out.size() > most) {
      return usage_error(fmt::format("{} is larger than {} bytes", what, most),
                         "see that it is the file that was meant");
    }
  }
}

Outcome<std::string> read_file(const std::string& path, std::string_view what, std::size_t most) {
  const auto name = fmt::format("{} {}", what, path);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.ok()) return read_descriptor(*file, name, most);
  return usage_error(fmt::format("{} cannot be read: {}", name, reason_of(errno)),
                     "name a file that exists and that you may read");
}

bool is_there(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

bool is_same_file(const std::string& one, const std::string& other) {
  return !is_special(one) && followed(one) == followed(other);
}

Outcome<void> check_writable(const std::string& path) {
  if (is_of_home(followed(path))) {
    return usage_error(path + " belongs to the home of a node, which would be lost",
                       "name a file outside of homes");
  }
  if (is_special(path)) return {};
  const int fresh = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fresh >= 0) {
    ::close(fresh);
    ::unlink(path.c_str());
    return {};
  }
  if (errno != EEXIST) return unwritable(path, errno);
  const Descriptor there(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!there.ok()) return unwritable(path, errno);
  return {};
}

Outcome<void> write_file(const std::string& path, std::string_view bytes, FileRules rules) {
  if (rules.overwrites && is_special(path)) return write_in_place(path, bytes);
  const auto target = target_of(path);
  const auto temporary = fmt::format("{}.{}.tmp", target, ::getpid());
  Descriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_for(target, rules)));
  if (!file.ok()) {
    // A file in a folder that is not ours: there is no place beside it.
    if (errno == EACCES && ::access(target.c_str(), W_OK) == 0 && rules.overwrites) {
      return write_in_place(target, bytes);
    }
    return unwritable(path, errno);
  }
  int problem = write_all(*file, bytes);
  if (problem == 0 && ::fsync(*file) != 0) problem = errno;
  const int closing = file.close();
  if (problem == 0) problem = closing;
  if (problem != 0) {
    ::unlink(temporary.c_str());
    return unwritten(path, problem);
  }
  problem = place(temporary, target, rules.overwrites);
  if (problem == 0) return {};
  ::unlink(temporary.c_str());
  if (problem == EEXIST) {
    return fail_with(ExitCode::conflict, fmt::format("{} is there already", path),
                     "name another file");
  }
  return unwritable(path, problem);
}

}  // namespace cip::cli
