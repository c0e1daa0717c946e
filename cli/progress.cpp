#include "cli/progress.hpp"

#include <fmt/format.h>

namespace cip::cli {

ProgressBar::ProgressBar(Context& context)
    : console_(context.console),
      enabled_(context.console.err_is_terminal && !context.globals.quiet && !context.globals.json) {
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total, std::uint64_t bytes,
                         std::string_view noun) {
  if (!enabled_) return;
  const auto now = Clock::now();
  // What was there before must not count as speed.
  if (!any_) done_at_start_ = done;
  any_ = true;
  if (shown_ && now - drawn_ < kRedraw && done < total) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  ProgressState state;
  state.share = total == 0 ? -1 : static_cast<double>(done) / static_cast<double>(total);
  state.done = total == 0 ? fmt::format("{} {}", count_text(done), noun)
                          : fmt::format("{} of {} {}", count_text(done), count_text(total), noun);
  if (seconds > 0) state.per_second = static_cast<double>(bytes) / seconds;
  const auto moved = done - std::min(done, done_at_start_);
  if (moved > 0 && total > done) {
    state.left_ms = seconds * 1000 * static_cast<double>(total - done) / static_cast<double>(moved);
  }
  console_.write_err("\r\x1b[K" + progress_text(state, console_.columns));
  shown_ = true;
}

void ProgressBar::clear() {
  if (shown_) console_.write_err("\r\x1b[K");
  shown_ = false;
}

}  // namespace cip::cli
