#pragma once

// Safety runs of UDX: two streams and a path drawn from a seed, with loss, reordering, duplication,
// a bottleneck and an MTU. Each side writes so many bytes and ends.
//
//   content  each byte is read once, in order, as it was written
//   end      both sides see the other's END and close without an error, within kStreamsEnd; a side
//            gives up only after 12 s in which nothing reached it (udx.md 10), and the other is
//            then left to its owner, who ends what is silent
//   frames   what is sent fits one system call
//   trace    nothing of a stream is left when it is closed

#include <cstdint>
#include <string>

#include "base/time.hpp"

namespace cip::simulations {

// Of simulated time: the slowest path that is drawn carries the most that is drawn in a tenth.
inline constexpr Duration kStreamsEnd = std::chrono::minutes(10);

struct StreamSafetyRun {
  std::uint64_t seed = 0;
  std::string world;     // what was drawn, for people
  std::string broken;    // what did not hold; empty: all did
  bool gave_up = false;  // the path lost a packet and all its repetitions
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  double seconds = 0;  // simulated
};

StreamSafetyRun run_stream_safety(std::uint64_t seed);

}  // namespace cip::simulations
