#include "cli/sim_run.hpp"

#include <fmt/format.h>

#include "cli/progress.hpp"

namespace cip::cli {

int signal_code() { return 128 + node::caught_signal(); }

SimProgress::SimProgress(Context& context, std::uint64_t runs)
    : console_(context.console),
      enabled_(context.console.err_is_terminal && !context.globals.quiet && !context.globals.json),
      runs_(enabled_ ? static_cast<std::size_t>(runs) : 0) {}

bool SimProgress::update(std::uint64_t run, const simulations::Advance& advance) {
  if (!enabled_) return node::caught_signal() == 0;
  const std::lock_guard lock(mutex_);
  const double share = advance.total == 0
                           ? 0
                           : static_cast<double>(advance.done) / static_cast<double>(advance.total);
  runs_[static_cast<std::size_t>(run)] = {share, advance.events};
  const auto now = Clock::now();
  if (shown_ && now - drawn_ < kRedraw) return node::caught_signal() == 0;
  drawn_ = now;
  double whole = 0;
  std::uint64_t events = 0;
  for (const Line& line : runs_) {
    whole += line.share / static_cast<double>(runs_.size());
    events += line.events;
  }
  const double seconds = std::chrono::duration<double>(now - began_).count();
  ProgressState state;
  state.share = whole;
  state.done =
      fmt::format("{} of {} {}", count_text(advance.done), count_text(advance.total), advance.what);
  if (runs_.size() > 1) state.done += fmt::format(", run {} of {}", run + 1, runs_.size());
  state.done += fmt::format(
      ", {} events/s, {}",
      count_text(static_cast<std::uint64_t>(static_cast<double>(events) / std::max(seconds, 1e-3))),
      bytes_text(static_cast<double>(peak_memory())));
  if (whole > 0) state.left_ms = seconds * 1000 * (1 - whole) / whole;
  console_.write_err("\r\x1b[K" + progress_text(state, console_.columns));
  shown_ = true;
  return node::caught_signal() == 0;
}

void SimProgress::clear() {
  const std::lock_guard lock(mutex_);
  if (shown_) console_.write_err("\r\x1b[K");
  shown_ = false;
}

}  // namespace cip::cli
