#include "cli/patient_writer.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "node/signals.hpp"

namespace cip::cli {
namespace {

// A reader that is only slow gets the line that was begun. With the time that a request has for its
// goodbye this is less than the two seconds in which a signal ends a command.
constexpr auto kGrace = std::chrono::milliseconds(400);

// What a descriptor takes at once when poll() says that there is room. A pipe has room for
// PIPE_BUF bytes then; a larger write would wait for its reader, deaf to signals.
std::size_t piece_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? std::string_view::npos : PIPE_BUF;
}

}  // namespace

PatientWriter::PatientWriter(int fd) : fd_(fd), piece_(piece_of(fd)) {}

std::error_code PatientWriter::write(std::string_view bytes) {
  const auto whole = bytes.size();
  while (!bytes.empty()) {
    if (!wait_for_room()) {
      return std::make_error_code(bytes.size() < whole ? std::errc::interrupted
                                                       : std::errc::operation_canceled);
    }
    const auto n = ::write(fd_, bytes.data(), std::min(bytes.size(), piece_));
    // EAGAIN: a pipe that its other user made non-blocking.
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return {errno, std::generic_category()};
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// True also for what is broken: the write says how.
bool PatientWriter::wait_for_room() {
  while (true) {
    const bool signalled = node::caught_signal() != 0;
    std::array<pollfd, 2> wait{
        {{fd_, POLLOUT, 0}, {signalled ? -1 : node::signal_descriptor(), POLLIN, 0}}};
    const int ready = ::poll(wait.data(), wait.size(), poll_time(signalled));
    if (ready < 0 && errno != EINTR) return true;
    if (ready > 0 && wait[0].revents != 0) return true;
    if (ready == 0) return false;
  }
}

int PatientWriter::poll_time(bool signalled) {
  if (!signalled) {
    end_.reset();
    return -1;
  }
  const auto now = Clock::now();
  if (!end_) end_ = now + kGrace;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*end_ - now);
  return std::max(0, static_cast<int>(left.count()));
}

}  // namespace cip::cli
