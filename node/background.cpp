#include "node/background.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "node/file_descriptor.hpp"
#include "node/home.hpp"
#include "node/json_rpc.hpp"
#include "node/log.hpp"
#include "node/system_random.hpp"

extern char** environ;

namespace cip::node {

namespace {

// A home with a large database takes some seconds to recover; longer than this is a failure.
constexpr auto kStartTimeout = std::chrono::seconds(60);
constexpr int kChildFd = 3;
constexpr std::size_t kMostWords = 500;

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

// The signals that end whoever waits for a node to start; blocked while this lives, read from fd().
class StartSignals {
 public:
  StartSignals() {
    ::sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction action {};
      ::sigaction(signal, nullptr, &action);
      if (action.sa_handler != SIG_IGN) ::sigaddset(&set_, signal);
    }
    ::sigprocmask(SIG_BLOCK, &set_, &before_);
    fd_ = ::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  StartSignals(const StartSignals&) = delete;
  StartSignals& operator=(const StartSignals&) = delete;
  ~StartSignals() {
    if (fd_ >= 0) ::close(fd_);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  int fd() const { return fd_; }
  int take() {
    signalfd_siginfo info{};
    const auto n = ::read(fd_, &info, sizeof info);
    return n == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  sigset_t set_{}, before_{};
  int fd_ = -1;
};

struct ChildReport {
  std::string text;
  int signal = 0;  // that came meanwhile
  bool complete = false;
};

// Everything until the other end closes it, a signal comes or the time is over.
ChildReport read_report(int fd, StartSignals& signals) {
  ChildReport out;
  char buffer[4096];
  const auto end = std::chrono::steady_clock::now() + kStartTimeout;
  while (out.text.size() < 1024 * 1024) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    std::array<pollfd, 2> wait{{{fd, POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
    const int ready =
        ::poll(wait.data(), wait.size(), std::max<int>(0, static_cast<int>(left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return out;
    if (wait[1].revents != 0 && (out.signal = signals.take()) != 0) return out;
    if (wait[0].revents == 0) continue;
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    out.text.append(buffer, static_cast<std::size_t>(n));
  }
  out.complete = true;
  return out;
}

// A session of its own: the terminal's signals are not meant for it. Nothing that this process
// inherited goes on to it: descriptors, ignored or blocked signals, the folder.
Outcome<pid_t> spawn(const std::vector<std::string>& arguments, int log_fd, int report_fd) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, log_fd, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, report_fd, kChildFd);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, kChildFd + 1);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return pid;
  return fail_with(ExitCode::internal,
                   fmt::format("cannot start a node in the background: {}", std::strerror(error)),
                   std::string(hint_for_shortage({error, std::generic_category()})));
}

// A log as it was before a process began to write there.
struct LogBefore {
  std::filesystem::path file;
  std::uintmax_t size = 0;
};

LogBefore log_before(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return {file, error ? 0 : size};
}

// The last sentence that the process wrote, if any; hints below it begin with a space.
std::string last_words(const LogBefore& log) {
  std::ifstream file(log.file);
  file.seekg(static_cast<std::streamoff>(log.size));
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != ' ') last = line.substr(0, kMostWords);
  }
  constexpr std::string_view kName = "cipnode: ";
  if (last.starts_with(kName)) last.erase(0, kName.size());
  return last.empty() ? last : ": " + last;
}

// How a process ended that said nothing to who started it.
Error silent_end(pid_t pid, const LogBefore& log) {
  int status = 0;
  const bool is_known = ::waitpid(pid, &status, 0) == pid;
  const auto hint = fmt::format("see {}", log.file.string());
  const auto ended = [&](ExitCode code, const std::string& how) {
    return Error{code, fmt::format("{} before it was ready{}", how, last_words(log)), hint};
  };
  if (!is_known) return ended(ExitCode::internal, "the node in the background ended");
  if (WIFSIGNALED(status)) {
    return ended(ExitCode::internal,
                 fmt::format("signal {} ended the node in the background", WTERMSIG(status)));
  }
  const auto code = exit_code_of(WEXITSTATUS(status));
  return ended(code == ExitCode::ok ? ExitCode::internal : code,
               fmt::format("the node in the background ended with {}", WEXITSTATUS(status)));
}

StartResult conclude(const ChildReport& report, pid_t pid, const LogBefore& log) {
  StartResult out;
  if (report.signal != 0) {
    // Nobody waits for this node any more.
    ::kill(pid, SIGTERM);
    out.signal = report.signal;
    return out;
  }
  const auto object = Json::parse(report.text, nullptr, false);
  if (object.is_object() && object.contains("error")) {
    out.error = error_of(object["error"]);
  } else if (object.is_object()) {
    out.ready = object;
  } else if (report.complete) {
    out.error = silent_end(pid, log);
  } else {
    out.error = Error{ExitCode::timeout,
                      fmt::format("the node in the background (pid {}) is not ready after 60 s; it "
                                  "goes on starting",
                                  pid),
                      fmt::format("see {}", log.file.string())};
  }
  return out;
}

void report(int fd, const Json& object) {
  if (fd < 0) return;
  const auto text = json_text(object);
  static_cast<void>(!::write(fd, text.data(), text.size()));
  ::close(fd);
}

}  // namespace

StartResult start_in_background(JoinOptions options) {
  const auto failed = [](Error error) {
    StartResult out;
    out.error = std::move(error);
    return out;
  };
  if (auto named = check_home_named(options.home); !named) return failed(named.error());
  options.home = std::filesystem::absolute(options.home);
  const HomePaths paths(options.home);
  if (auto made = make_home(paths); !made) return failed(made.error());
  // Before the log: a log without an identity is that of another program (home_content.hpp).
  SystemRandom random;
  if (auto identity = open_identity(paths, random); !identity) return failed(identity.error());
  const FileDescriptor log(open_log_file(paths.log));
  if (!log.is_open()) {
    return failed({exit_code_of_problem(errno),
                   fmt::format("cannot write {}: {}", paths.log.string(), std::strerror(errno)),
                   "choose another directory with --home DIR or CIPNODE_HOME"});
  }
  Pipe pipe;
  options.ready_fd = kChildFd;
  auto arguments = join_arguments(options);
  arguments.insert(arguments.begin(), "cipnode");
  // Numbers above those that the new process gets: a dup2 onto itself would leave the close-on-exec
  // flag set.
  FileDescriptor report(::fcntl(pipe.write, F_DUPFD_CLOEXEC, kChildFd + 1));
  StartSignals signals;
  const auto before = log_before(paths.log);
  const auto pid = spawn(arguments, *log, *report);
  if (!pid) return failed(pid.error());
  pipe.close_write();
  report.close();
  return conclude(read_report(pipe.read, signals), *pid, before);
}

void report_ready(int ready_fd, const Json& ready_event) { report(ready_fd, ready_event); }

void report_failure(int ready_fd, const Error& error) {
  report(ready_fd, json_error(nullptr, error));
}

}  // namespace cip::node
