#pragma once

// Runs simulations: several at once if asked, with a progress bar, until done or a signal. The
// worlds know no clock: wall time and memory are taken here.

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "cli/context.hpp"
#include "cli/sim_render.hpp"
#include "cli/stage_clock.hpp"
#include "node/signals.hpp"

namespace cip::cli {

// 130 or 143, of the signal that ended the run well.
int signal_code();

// The bar of all runs: share, what is done, events a second, memory, time left. Threads may call.
class SimProgress {
 public:
  SimProgress(Context& context, std::uint64_t runs);
  ~SimProgress() { clear(); }
  SimProgress(const SimProgress&) = delete;
  SimProgress& operator=(const SimProgress&) = delete;

  // False: stop.
  bool update(std::uint64_t run, const simulations::Advance& advance);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  struct Line {
    double share = 0;
    std::uint64_t events = 0;
  };

  Console& console_;
  bool enabled_;
  bool shown_ = false;
  std::mutex mutex_;
  std::vector<Line> runs_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point drawn_{};
};

// Calls `scenario(seed offset, progress)` `runs` times, `jobs` at the same time, and `report` for
// each in the order of the runs, from one thread at a time. False when a signal came; what was
// interrupted has been reported.
template <typename Result>
bool run_all(Context& context, std::uint64_t runs, std::uint64_t jobs,
             const std::function<Result(std::uint64_t, const simulations::Progress&)>& scenario,
             const std::function<void(const Result&, const Measured&)>& report) {
  const node::SignalCatcher catcher(node::Hangup::is_for_others);
  SimProgress bar(context, runs);
  std::mutex mutex;  // of all below
  std::uint64_t next = 0, reported = 0;
  std::map<std::uint64_t, std::pair<Result, Measured>> waiting;
  const auto work = [&] {
    while (true) {
      std::uint64_t mine;
      {
        const std::lock_guard lock(mutex);
        if (next >= runs || node::caught_signal() != 0) return;
        mine = next++;
      }
      StageClock clock;
      auto result = scenario(mine, [&](const simulations::Advance& advance) {
        clock.reach(advance);
        return bar.update(mine, advance);
      });
      const auto measured = clock.measured(mine);
      const std::lock_guard lock(mutex);
      waiting.emplace(mine, std::pair{std::move(result), measured});
      for (auto at = waiting.find(reported); at != waiting.end(); at = waiting.find(++reported)) {
        bar.clear();
        report(at->second.first, at->second.second);
        waiting.erase(at);
      }
      // Nobody would see what further runs find.
      if (context.console.out_error()) next = runs;
    }
  };
  std::vector<std::thread> threads;
  try {
    for (std::uint64_t i = 1; i < std::min(jobs, runs); ++i) threads.emplace_back(work);
  } catch (const std::system_error&) {
    // The system gives no more of them: those that there are do all.
  }
  work();
  for (auto& thread : threads) thread.join();
  bar.clear();
  return node::caught_signal() == 0;
}

}  // namespace cip::cli
