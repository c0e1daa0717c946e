#pragma once

// How far acknowledgements run ahead of the bandwidth when they come in bundles, as over Wi-Fi or
// from a receiver that joins them: so much more must be in flight for the path to stay full between
// two bundles (udx.md 7; draft-cardwell-iccrg-bbr-congestion-control 4.5.5 "BBR.extra_acked").

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace cip::overlay {

class UdxAckAggregation {
 public:
  // An acknowledgement of so many bytes came; window: what can have been in flight.
  void on_ack(TimePoint now, std::size_t delivered, std::uint64_t bandwidth, std::size_t window);
  void on_round();
  // The largest surplus of the last 5 to 10 rounds, at most what 100 ms are worth.
  std::size_t surplus(std::uint64_t bandwidth) const;

 private:
  TimePoint since_{};            // when acknowledgements last were no faster than the bandwidth
  std::uint64_t delivered_ = 0;  // bytes since then
  std::array<std::size_t, 2> largest_{};  // of the current five rounds, and of the five before
  std::uint8_t rounds_ = 0;               // of the current five
};

}  // namespace cip::overlay
