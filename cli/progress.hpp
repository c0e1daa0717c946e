#pragma once

// The progress bar on stderr, drawn only on a terminal and at most ten times a second.

#include <chrono>

#include "cli/context.hpp"

namespace cip::cli {

// Between two drawings of a bar.
inline constexpr auto kRedraw = std::chrono::milliseconds{100};

class ProgressBar {
 public:
  explicit ProgressBar(Context& context);
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `total` 0: not known yet. `noun` is what is counted, in the plural.
  void update(std::uint64_t done, std::uint64_t total, std::uint64_t bytes, std::string_view noun);
  // Takes the bar off the screen, before anything else is written.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  Console& console_;
  bool enabled_;
  bool shown_ = false;
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_{};
  std::uint64_t done_at_start_ = 0;
  bool any_ = false;
};

}  // namespace cip::cli
