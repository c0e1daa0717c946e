#include "node/background.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "node/home.hpp"
#include "node/json_rpc.hpp"

extern char** environ;

namespace cip::node {

namespace {

// A home with a large database takes some seconds to recover; longer than this is a failure.
constexpr auto kStartTimeout = std::chrono::seconds(60);
constexpr int kChildFd = 3;

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) == 0) read = fds[0], write = fds[1];
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(read);
    close_write();
  }
  void close_write() {
    if (write >= 0) ::close(std::exchange(write, -1));
  }
};

// Everything until the other end closes it, or the time is over.
std::string read_report(int fd) {
  std::string out;
  char buffer[4096];
  const auto end = std::chrono::steady_clock::now() + kStartTimeout;
  while (out.size() < 1024 * 1024) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd wait{fd, POLLIN, 0};
    const int ready = ::poll(&wait, 1, std::max<int>(0, static_cast<int>(left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    out.append(buffer, static_cast<std::size_t>(n));
  }
  return out;
}

// A session of its own: the terminal's signals are not meant for it.
int spawn(const std::vector<std::string>& arguments, const std::string& log, int report_fd) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, report_fd, kChildFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

Outcome<Json> parse_report(const std::string& text, const HomePaths& paths) {
  const auto report = Json::parse(text, nullptr, false);
  if (report.is_object() && report.contains("error")) {
    return tl::unexpected(error_of(report["error"]));
  }
  if (report.is_object()) return report;
  return fail_with(ExitCode::internal, "the node in the background ended before it was ready",
                   fmt::format("see {}", paths.log.string()));
}

void report(int fd, const Json& object) {
  if (fd < 0) return;
  const auto text = json_text(object);
  static_cast<void>(!::write(fd, text.data(), text.size()));
  ::close(fd);
}

}  // namespace

Outcome<Json> start_in_background(JoinOptions options) {
  options.home = std::filesystem::absolute(options.home);
  const HomePaths paths(options.home);
  if (auto made = make_home(paths); !made) return tl::unexpected(made.error());
  Pipe pipe;
  options.ready_fd = kChildFd;
  auto arguments = join_arguments(options);
  arguments.insert(arguments.begin(), "cipnode");
  // posix_spawn's dup2 onto the same number would leave the close-on-exec flag set.
  const int report_fd = ::fcntl(pipe.write, F_DUPFD_CLOEXEC, kChildFd + 1);
  const int error = spawn(arguments, paths.log.string(), report_fd);
  ::close(report_fd);
  pipe.close_write();
  if (error != 0) {
    return fail_with(ExitCode::internal, fmt::format("cannot start a node in the background: {}",
                                                     std::strerror(error)));
  }
  return parse_report(read_report(pipe.read), paths);
}

void report_ready(int ready_fd, const Json& ready_event) { report(ready_fd, ready_event); }

void report_failure(int ready_fd, const Error& error) {
  report(ready_fd, json_error(nullptr, error));
}

}  // namespace cip::node
