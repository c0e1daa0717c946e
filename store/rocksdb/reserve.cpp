#include "store/rocksdb/reserve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/rocksdb/status.hpp"

namespace cip::store {

namespace {

// Where there is not enough room, the next smaller size is tried, down to this.
constexpr std::uint64_t kLeast = std::uint64_t{64} << 10;

}  // namespace

Result<void> Reserve::fill(std::uint64_t bytes) {
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

void Reserve::give_up() { ::unlink(path_.c_str()); }

std::uint64_t Reserve::size() const {
  struct stat about {};
  if (::stat(path_.c_str(), &about) != 0) return 0;
  return static_cast<std::uint64_t>(about.st_blocks) * 512;
}

}  // namespace cip::store
