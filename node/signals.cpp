#include "node/signals.hpp"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace cip::node {

namespace {

// What a signal handler may touch: a process has one set of handlers, hence one of these.
std::atomic<int> first_signal{0};
std::atomic<std::int64_t> first_at{0};  // in ms
std::atomic<int> came_fd{-1};
static_assert(std::atomic<int>::is_always_lock_free &&
              std::atomic<std::int64_t>::is_always_lock_free);

// Who signals a process and then its group, as timeout(1) does, means one signal.
constexpr std::int64_t kSameSignalMs = 100;

std::int64_t now_ms() {
  struct timespec now {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void handle(int signal) {
  const int error = errno;
  int none = 0;
  if (first_signal.compare_exchange_strong(none, signal)) {
    first_at = now_ms();
    const std::uint64_t one = 1;
    static_cast<void>(!::write(came_fd, &one, sizeof one));
  } else if (signal != SIGHUP &&  // a terminal that closes may say so twice
             (signal != none || now_ms() - first_at > kSameSignalMs)) {
    ::_exit(128 + signal);
  }
  errno = error;
}

// As if no signal had come.
void forget_signals() {
  if (came_fd < 0) came_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (came_fd < 0) throw std::system_error(errno, std::system_category(), "watching signals");
  std::uint64_t count = 0;
  static_cast<void>(!::read(came_fd, &count, sizeof count));
  first_signal = 0;
}

bool is_ignored(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

}  // namespace

int caught_signal() { return first_signal; }
int signal_descriptor() { return came_fd; }

SignalCatcher::SignalCatcher(Hangup hangup) {
  forget_signals();
  struct sigaction action {};
  action.sa_handler = handle;
  ::sigfillset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (signal == SIGHUP && (hangup == Hangup::is_for_others || is_ignored(signal))) continue;
    auto& caught = caught_.emplace_back(Caught{signal, {}});
    ::sigaction(signal, &action, &caught.before);
  }
}

SignalCatcher::~SignalCatcher() {
  for (const auto& caught : caught_) ::sigaction(caught.signal, &caught.before, nullptr);
}

}  // namespace cip::node
