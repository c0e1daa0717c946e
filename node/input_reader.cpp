#include "node/input_reader.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace cip::node {

struct InputReader::Shared {
  Shared(asio::io_context& context, int file, OnInput callback)
      : io(context), fd(file), wake(::eventfd(0, EFD_CLOEXEC)), on_input(std::move(callback)) {}
  ~Shared() { ::close(wake); }

  asio::io_context& io;
  const int fd;
  const int wake;  // readable once the reader is to stop
  OnInput on_input;

  std::mutex mutex;
  std::condition_variable asked;
  std::size_t room = 0;
  bool busy = false;
  bool stopped = false;
};

namespace {

std::error_code error_of(int problem) { return {problem, std::generic_category()}; }

// Waits for bytes or for the end; empty: the end, or stopped.
Result<Bytes> read_once(int fd, int wake, std::size_t room) {
  Bytes bytes(std::min<std::size_t>(room, 64 * 1024));
  while (true) {
    pollfd fds[2] = {{fd, POLLIN, 0}, {wake, POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return fail(error_of(errno));
    }
    if (fds[1].revents) return Bytes{};
    if (!fds[0].revents) continue;
    const auto n = ::read(fd, bytes.data(), bytes.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return fail(error_of(errno));
    // A terminal that was hung up reads as its end, and polls as an error: now, for it may have
    // been hung up since it was polled.
    if (n == 0 && ::poll(fds, 1, 0) > 0 && (fds[0].revents & POLLERR) != 0)
      return fail(error_of(EIO));
    bytes.resize(static_cast<std::size_t>(n));
    return bytes;
  }
}

}  // namespace

InputReader::InputReader(asio::io_context& io, int fd, OnInput on_input)
    : shared_(std::make_shared<Shared>(io, fd, std::move(on_input))) {
  thread_ = std::thread([shared = shared_] {
    while (true) {
      std::unique_lock lock(shared->mutex);
      shared->asked.wait(lock, [&] { return shared->room > 0 || shared->stopped; });
      if (shared->stopped) return;
      const auto room = std::exchange(shared->room, 0);
      lock.unlock();
      auto bytes = read_once(shared->fd, shared->wake, room);
      const bool ended = !bytes || bytes->empty();
      lock.lock();
      if (shared->stopped) return;
      asio::post(shared->io, [shared, input = std::move(bytes)] {
        std::unique_lock guard(shared->mutex);
        shared->busy = false;
        if (shared->stopped) return;
        guard.unlock();
        shared->on_input(input);
      });
      if (ended) return;
    }
  });
}

InputReader::~InputReader() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
    const std::uint64_t one = 1;
    static_cast<void>(!::write(shared_->wake, &one, sizeof one));
  }
  shared_->asked.notify_one();
  thread_.join();
}

void InputReader::request(std::size_t room) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->busy || room == 0) return;
  shared_->busy = true;
  shared_->room = room;
  shared_->asked.notify_one();
}

}  // namespace cip::node
