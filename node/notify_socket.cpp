#include "node/notify_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace cip::node {

namespace {

// What a manager would not mean: more than a year.
constexpr std::uint64_t kLongestWatchdog = 366ULL * 24 * 3600 * 1'000'000;

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return value;
}

}  // namespace

NotifySocket::NotifySocket(std::string_view address) : address_(address) {
  const bool is_abstract = address.starts_with('@');
  if (!is_abstract && !address.starts_with('/')) return;
  if (address.size() > sizeof(sockaddr_un::sun_path) || address.size() < 2) return;
  if (is_abstract) address_[0] = '\0';
  fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

NotifySocket::NotifySocket(NotifySocket&& other) noexcept
    : address_(std::move(other.address_)), fd_(std::exchange(other.fd_, -1)) {}

NotifySocket::~NotifySocket() {
  if (fd_ >= 0) ::close(fd_);
}

bool NotifySocket::send(std::string_view message) const {
  if (!is_open()) return false;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const auto sent = ::sendto(fd_, message.data(), message.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&to), length);
  return sent == static_cast<ssize_t>(message.size());
}

NotifyWishes take_notify_wishes() {
  NotifyWishes out;
  if (const char* address = std::getenv("NOTIFY_SOCKET")) out.address = address;
  out.watchdog = watchdog_time(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"));
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  return out;
}

std::optional<Duration> watchdog_time(const char* microseconds, const char* pid) {
  if (microseconds == nullptr) return std::nullopt;
  if (pid != nullptr && number_in(pid) != static_cast<std::uint64_t>(::getpid()))
    return std::nullopt;
  const auto time = number_in(microseconds);
  if (!time || *time == 0 || *time > kLongestWatchdog) return std::nullopt;
  return Duration(static_cast<Duration::rep>(*time));
}

}  // namespace cip::node
