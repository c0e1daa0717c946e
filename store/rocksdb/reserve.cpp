#include "store/rocksdb/reserve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "store/rocksdb/status.hpp"

namespace cip::store {

namespace {

// Where there is not enough room, the next smaller size is tried, down to this.
constexpr std::uint64_t kLeast = std::uint64_t{64} << 10;
// Opening the database anew and tidying up make about ten files before any goes.
constexpr int kSpareFiles = 16;
// Where not all of them can be made some stay free, for a node cannot even start without: its
// socket is a file.
constexpr int kLeftFree = 4;

std::string spare_file(const std::string& folder, int number) {
  return folder + "/" + std::to_string(number);
}

}  // namespace

Result<void> Reserve::fill(std::uint64_t bytes) {
  auto filled = fill_bytes(bytes);
  auto spared = fill_files();
  return filled ? spared : filled;
}

Result<void> Reserve::fill_files() {
  struct stat about {};
  if (::stat(spare_file(spare_, kSpareFiles).c_str(), &about) == 0) return {};
  if (::mkdir(spare_.c_str(), 0700) != 0 && errno != EEXIST) return fail(error_of_errno(errno));
  for (int number = 1; number <= kSpareFiles; ++number) {
    const int fd = ::open(spare_file(spare_, number).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
      const auto error = error_of_errno(errno);
      for (int last = number - 1; last > 0 && last >= number - kLeftFree; --last)
        ::unlink(spare_file(spare_, last).c_str());
      return fail(error);
    }
    ::close(fd);
  }
  return {};
}

Result<void> Reserve::fill_bytes(std::uint64_t bytes) {
  if (size() >= bytes) return {};
  const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(error_of_errno(errno));
  Result<void> outcome;
  for (auto wanted = bytes; wanted >= kLeast; wanted /= 2) {
    const int failed = ::posix_fallocate(fd, 0, static_cast<off_t>(wanted));
    if (failed == 0) break;
    outcome = fail(error_of_errno(failed));
    if (failed != ENOSPC && failed != EDQUOT) break;
  }
  ::close(fd);
  return outcome;
}

void Reserve::give_up() {
  ::unlink(path_.c_str());
  for (int number = kSpareFiles; number > 0; --number) {
    ::unlink(spare_file(spare_, number).c_str());
  }
}

bool Reserve::is_filled() const {
  struct stat about {};
  return size() > 0 || ::stat(spare_file(spare_, 1).c_str(), &about) == 0;
}

std::uint64_t Reserve::size() const {
  struct stat about {};
  if (::stat(path_.c_str(), &about) != 0) return 0;
  return static_cast<std::uint64_t>(about.st_blocks) * 512;
}

}  // namespace cip::store
