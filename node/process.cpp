#include "node/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

namespace cip::node {

void open_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is this one: those below it are open by now.
    static_cast<void>(::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY));
  }
}

void end_without_memory() {
  constexpr std::string_view kWords =
      "cipnode: not enough memory\n"
      "  raise the limit of the process (ulimit -v, MemoryMax=), or end other programs\n";
  static_cast<void>(!::write(STDERR_FILENO, kWords.data(), kWords.size()));
  ::_exit(1);
}

void become_daemon(int report_fd) {
  const auto end = static_cast<unsigned>(report_fd);
  if (report_fd > STDERR_FILENO + 1) ::close_range(STDERR_FILENO + 1, end - 1, 0);
  ::close_range(end + 1, ~0U, 0);
  ::umask(077);
  static_cast<void>(!::chdir("/"));
  ::prctl(PR_SET_NAME, "cipnode");
}

}  // namespace cip::node
