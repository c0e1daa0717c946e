#include "node/home_mark.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <system_error>

#include "node/storage_pool.hpp"

namespace cip::node {

std::string home_mark(const std::filesystem::path& file) {
  struct stat found {};
  if (::lstat(file.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  const auto& changed = found.st_ctim;
  return fmt::format("{} {}.{:09}", found.st_ino, changed.tv_sec, changed.tv_nsec);
}

std::string renew_home_mark(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::remove(file, error);
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return {};
  ::close(fd);
  return home_mark(file);
}

void HomeMark::renew(std::function<void(std::string)> done) {
  auto made = std::make_shared<std::string>();
  pool_.submit(
      store::StorageLane::directory,
      [made, file = file_](store::Backend&) { *made = renew_home_mark(file); },
      [made, done = std::move(done)] { done(std::move(*made)); });
}

}  // namespace cip::node
