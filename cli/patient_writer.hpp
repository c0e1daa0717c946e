#pragma once

// Writes to descriptors that may be full: a pipe whose reader sleeps holds a command up, but not
// after a signal.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

namespace cip::cli {

class PatientWriter {
 public:
  explicit PatientWriter(int fd);

  // All of `bytes`, however long it takes. When a signal came and there was no room within the time
  // that is left after it: std::errc::interrupted if a part is written, operation_canceled if none.
  std::error_code write(std::string_view bytes);

 private:
  using Clock = std::chrono::steady_clock;

  bool wait_for_room();
  int poll_time(bool signalled);

  int fd_;
  std::size_t piece_;                     // what it takes at once when it has room
  std::optional<Clock::time_point> end_;  // of the time after a signal
};

}  // namespace cip::cli
