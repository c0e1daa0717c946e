#include "node/home_mark.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>
#include <utility>

namespace cip::node {

HomeMark::HomeMark(std::filesystem::path file) : file_(std::move(file)) { look(); }

void HomeMark::renew() {
  fresh_ = true;
  mark_.clear();
  std::error_code error;
  std::filesystem::remove(file_, error);
  const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return;
  ::close(fd);
  look();
}

void HomeMark::look() {
  struct stat found {};
  if (::lstat(file_.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return;
  const auto& changed = found.st_ctim;
  mark_ = fmt::format("{} {}.{:09}", found.st_ino, changed.tv_sec, changed.tv_nsec);
}

}  // namespace cip::node
