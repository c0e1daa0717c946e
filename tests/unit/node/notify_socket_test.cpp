#include "node/notify_socket.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/unit/node/support.hpp"

namespace cip::node {

namespace {

// What a manager listens on.
class Listener {
 public:
  explicit Listener(std::string name) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), length) == 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::close(fd_); }

  // Empty: nothing came.
  std::string next() const {
    char buffer[256];
    const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
    return n < 0 ? std::string() : std::string(buffer, static_cast<std::size_t>(n));
  }

 private:
  int fd_;
};

std::string own_name() { return "cipnode-test-" + std::to_string(::getpid()); }

}  // namespace

TEST_CASE("a manager hears what is sent to its socket, with a file or without") {
  const test::TemporaryDirectory folder;
  const auto file = (folder.path() / "notify").string();
  const auto name = own_name();
  const Listener on_file(file), without_file(std::string(1, '\0') + name);
  CHECK(NotifySocket(file).send("READY=1"));
  CHECK(NotifySocket("@" + name).send("STOPPING=1"));
  CHECK(on_file.next() == "READY=1");
  CHECK(without_file.next() == "STOPPING=1");
}

TEST_CASE("what names no socket is nobody who listens") {
  for (const std::string address : {"", "/", "@", "notify", "./notify", "vsock:2:1"}) {
    CAPTURE(address);
    CHECK_FALSE(NotifySocket(address).is_open());
    CHECK_FALSE(NotifySocket(address).send("READY=1"));
  }
  CHECK(NotifySocket("/" + std::string(sizeof(sockaddr_un::sun_path) - 1, 'a')).is_open());
  CHECK_FALSE(NotifySocket("/" + std::string(sizeof(sockaddr_un::sun_path), 'a')).is_open());
}

TEST_CASE("a manager that has gone or has no room does not hold up the node") {
  const test::TemporaryDirectory folder;
  const auto file = (folder.path() / "notify").string();
  const NotifySocket socket(file);
  CHECK_FALSE(socket.send("READY=1"));
  const Listener listener(file);
  int taken = 0;
  while (taken < 100'000 && socket.send("WATCHDOG=1")) ++taken;
  CHECK(taken < 100'000);
  CHECK(listener.next() == "WATCHDOG=1");
  CHECK(socket.send("WATCHDOG=1"));
}

TEST_CASE("the time of the watchdog is believed when it is a number and meant for this process") {
  const auto me = std::to_string(::getpid());
  CHECK(watchdog_time("30000000", nullptr) == std::chrono::seconds(30));
  CHECK(watchdog_time("30000000", me.c_str()) == std::chrono::seconds(30));
  CHECK_FALSE(watchdog_time("30000000", "1"));
  CHECK_FALSE(watchdog_time("30000000", ""));
  for (const char* text :
       {"", "0", "-1", "1s", " 1", "18446744073709551616", "9223372036854775807"}) {
    CAPTURE(text);
    CHECK_FALSE(watchdog_time(text, nullptr));
  }
  CHECK_FALSE(watchdog_time(nullptr, nullptr));
}

TEST_CASE("what a manager wants is taken out of the environment") {
  ::setenv("NOTIFY_SOCKET", "@somewhere", 1);
  ::setenv("WATCHDOG_USEC", "2000000", 1);
  ::unsetenv("WATCHDOG_PID");
  const auto wishes = take_notify_wishes();
  CHECK(wishes.address == "@somewhere");
  CHECK(wishes.watchdog == std::chrono::seconds(2));
  CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
  CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
  const auto none = take_notify_wishes();
  CHECK(none.address.empty());
  CHECK_FALSE(none.watchdog);
}

}  // namespace cip::node
