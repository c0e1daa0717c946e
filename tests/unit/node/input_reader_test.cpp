#include "node/input_reader.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <optional>

#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
using cip::test::run_until;

namespace {

// What the reader says last.
struct Read {
  explicit Read(int fd) : reader(io, fd, [this](const Result<Bytes>& piece) { take(piece); }) {
    reader.request(1024);
  }
  void take(const Result<Bytes>& piece) {
    if (!piece) error = piece.error();
    ended = !piece || piece->empty();
    if (piece) append(bytes, *piece);
    if (!ended) reader.request(1024);
  }
  bool finishes() {
    return run_until(io, [this] { return ended; });
  }

  asio::io_context io;
  // Other work keeps the loop of a program.
  asio::executor_work_guard<asio::io_context::executor_type> stays = asio::make_work_guard(io);
  Bytes bytes;
  bool ended = false;
  std::error_code error;
  InputReader reader;
};

struct Fd {
  explicit Fd(int number) : fd(number) {}
  ~Fd() { ::close(fd); }
  int fd;
};

}  // namespace

TEST_CASE("input has an end") {
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  REQUIRE(::write(fds[1], "abc", 3) == 3);
  ::close(fds[1]);
  const Fd input(fds[0]);
  Read read(input.fd);
  REQUIRE(read.finishes());
  CHECK_FALSE(read.error);
  CHECK(text_of(read.bytes) == "abc");
}

TEST_CASE("an error is not the end of input") {
  const Fd folder(::open("/tmp", O_RDONLY | O_DIRECTORY));
  Read of_folder(folder.fd);
  REQUIRE(of_folder.finishes());
  CHECK(of_folder.error == std::errc::is_a_directory);

  // Nothing is mapped at address 0.
  const Fd memory(::open("/proc/self/mem", O_RDONLY));
  Read of_memory(memory.fd);
  REQUIRE(of_memory.finishes());
  CHECK(of_memory.error == std::errc::io_error);

  Read of_closed(1000);
  REQUIRE(of_closed.finishes());
  CHECK(of_closed.error == std::errc::bad_file_descriptor);
}

TEST_CASE("a terminal that is hung up has not ended its input") {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(master >= 0);
  REQUIRE(::grantpt(master) == 0);
  REQUIRE(::unlockpt(master) == 0);
  const Fd terminal(::open(::ptsname(master), O_RDWR | O_NOCTTY));
  REQUIRE(terminal.fd >= 0);
  REQUIRE(::write(master, "half\n", 5) == 5);
  Read read(terminal.fd);
  REQUIRE(run_until(read.io, [&] { return read.bytes.size() == 5; }));
  ::close(master);
  REQUIRE(read.finishes());
  CHECK(read.error == std::errc::io_error);
}
