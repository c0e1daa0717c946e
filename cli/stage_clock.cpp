#include "cli/stage_clock.hpp"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>

namespace cip::cli {
namespace {

using simulations::Stage;

constexpr double kLeastMs = 1e-3;  // rates are divided by it

// Of this thread; exact where getrusage() counts ticks.
double cpu_time_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

}  // namespace

StageClock::StageClock() : began_(now()), last_(began_) {}

StageClock::Spent StageClock::now() {
  const std::chrono::duration<double, std::milli> wall = Wall::now().time_since_epoch();
  return {wall.count(), cpu_time_ms()};
}

void StageClock::reach(const simulations::Advance& advance) {
  const Spent here = now();
  auto& stage = stages_[static_cast<std::size_t>(advance.stage)];
  stage.wall_ms += here.wall_ms - last_.wall_ms;
  stage.cpu_ms += here.cpu_ms - last_.cpu_ms;
  last_ = here;
  if (advance.stage == Stage::set_up) set_up_events_ = advance.events;
}

Measured StageClock::measured(std::uint64_t number) const {
  const Spent end = now();
  const auto& set_up = stages_[static_cast<std::size_t>(Stage::set_up)];
  const auto& events = stages_[static_cast<std::size_t>(Stage::events)];
  Measured out;
  out.number = number;
  out.wall_ms = std::max(end.wall_ms - began_.wall_ms, kLeastMs);
  out.cpu_ms = std::max(end.cpu_ms - began_.cpu_ms, kLeastMs);
  out.set_up_ms = std::max(set_up.wall_ms, kLeastMs);
  out.events_ms = std::max(events.wall_ms, kLeastMs);
  out.events_cpu_ms = std::max(events.cpu_ms, kLeastMs);
  out.set_up_events = set_up_events_;
  out.peak_bytes = peak_memory();
  return out;
}

std::uint64_t peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace cip::cli
