#pragma once

// A bound on the flight where a shallow queue overflows (udx.md 7 "inflight cap"). BBR of version 1
// overruns such a queue for ever; this remembers at which flight it was lost.
//
// Loss says "overrun" only if it exceeds what the path loses anyhow: a radio link with 10 % of
// noise would otherwise be capped all the time. That share is learned from rounds in which the path
// was not full. Version 3 of BBR has one threshold for both and is slow on such links.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"

namespace cip::overlay {

class UdxInflightCap {
 public:
  void on_flight(std::size_t in_flight);
  void on_delivered(std::size_t bytes) { round_.delivered += bytes; }
  void on_lost(std::size_t bytes) { round_.lost += bytes; }

  // What a round of acknowledgements can tell, by how fast its packets had been sent.
  enum class Round {
    below,    // slower than the path: its loss is noise
    full,     // as fast as the path or faster: loss above the noise is overrun
    unknown,  // neither for sure
  };
  // Whether the round that is about to end lost more than the noise and 2 %, and at least so many
  // packets.
  bool has_excess(std::size_t packet_size, unsigned least_packets) const;
  bool lost_nothing() const { return round_.lost == 0; }
  // bdp: what the path holds; the cap is not set below 0.85 of it.
  void end_round(TimePoint now, Round kind, std::size_t packet_size, std::size_t bdp,
                 Random& random);

  // Bytes that may be in flight; none: nothing is known to overflow.
  std::optional<std::size_t> bytes() const { return cap_; }

 private:
  struct Bytes {
    std::size_t delivered = 0;
    std::size_t lost = 0;
  };

  void set(TimePoint now, std::size_t bdp, Random& random);
  void grow(std::size_t packet_size);

  Bytes round_;
  Bytes noise_;             // of the last rounds below the path, each counting half of the next
  std::size_t flight_ = 0;  // the largest of this round
  std::size_t last_flight_ = 0;  // the largest of the round before: its losses come in this one
  std::optional<std::size_t> cap_;
  TimePoint clean_until_{};  // it stands until then, and is loosened by and by after
  std::size_t step_ = 0;     // packets by which it grew last
};

}  // namespace cip::overlay
