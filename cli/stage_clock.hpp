#pragma once

// Where the time of one run goes: setting the world up, letting events happen, judging. Worlds know
// no clock; they say what they have reached, and the time since the call before is put there.

#include <array>
#include <chrono>
#include <cstdint>

#include "simulations/parameters.hpp"

namespace cip::cli {

// What the world cannot know of a run. Milliseconds are more than 0.
struct Measured {
  std::uint64_t number = 0;  // of the run, from 0
  double wall_ms = 1;        // of all stages
  double cpu_ms = 1;         // of the thread that ran it
  double set_up_ms = 1;      // wall, until the first tables stood
  double events_ms = 1;      // wall, of the stage in which events happen
  double events_cpu_ms = 1;
  std::uint64_t set_up_events = 0;  // those of joining nodes
  std::uint64_t peak_bytes = 0;     // of the whole process
};

// Belongs to the thread that runs the world.
class StageClock {
 public:
  StageClock();

  void reach(const simulations::Advance& advance);
  Measured measured(std::uint64_t number) const;

 private:
  using Wall = std::chrono::steady_clock;
  struct Spent {
    double wall_ms = 0;
    double cpu_ms = 0;
  };
  static Spent now();

  Spent began_;
  Spent last_;
  std::array<Spent, 3> stages_{};
  std::uint64_t set_up_events_ = 0;
};

// The most that this process ever held, in bytes.
std::uint64_t peak_memory();

}  // namespace cip::cli
