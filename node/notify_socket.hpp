#pragma once

// Where a service manager waits to hear from the process it started: datagrams of "NAME=VALUE"
// lines to the Unix socket that $NOTIFY_SOCKET names (sd_notify(3)).

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace cip::node {

class NotifySocket {
 public:
  // A path, or "@NAME" for a socket without a file. Anything else, or too long: nobody listens.
  explicit NotifySocket(std::string_view address);
  NotifySocket(NotifySocket&& other) noexcept;
  NotifySocket& operator=(NotifySocket&&) = delete;
  ~NotifySocket();

  bool is_open() const { return fd_ >= 0; }
  // Never waits. False: it was not taken, and may be if it is sent again later.
  bool send(std::string_view message) const;

 private:
  std::string address_;  // as the kernel takes it: a leading zero byte in place of '@'
  int fd_ = -1;
};

// What the manager wants of this process. Reading it takes it out of the environment: it is not
// meant for what this process starts.
struct NotifyWishes {
  std::string address;  // empty: there is no manager, or it wants to hear nothing
  // It ends a process of which it hears nothing for so long.
  std::optional<Duration> watchdog;
};
NotifyWishes take_notify_wishes();

// $WATCHDOG_USEC, if $WATCHDOG_PID (null: any) is this process. Nothing: no number, or 0.
std::optional<Duration> watchdog_time(const char* microseconds, const char* pid);

}  // namespace cip::node
