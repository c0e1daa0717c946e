#pragma once

// When data of a stream may leave (udx.md 7 "Pacing"): in bursts, each of which is one system call.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace cip::overlay {

inline constexpr std::size_t kMaxUdxBurst = std::size_t{64} << 10;
inline constexpr Duration kUdxBurstTime = std::chrono::milliseconds(1);

// Bytes of one burst: what 1 ms is worth at the rate, at least 2 packets, at most 64 KiB.
std::size_t udx_burst(std::uint64_t bytes_per_second, std::size_t packet_size);

// A bucket of bytes that fills at the rate. What one burst time is worth is made up for when the
// owner's timer came late; more is not, so that a stream that was idle does not begin with a flood.
// Rates are those of UdxCongestion::pacing_rate(): bytes per second above 0; none for no pacing.
class UdxPacer {
 public:
  using Rate = std::optional<std::uint64_t>;

  // Bytes that may leave now: a burst, or 0 before next(); without a rate kMaxUdxBurst. A packet
  // that begins below it may leave whole.
  std::size_t allowance(TimePoint now, Rate rate, std::size_t packet_size) const;
  void on_sent(TimePoint now, Rate rate, std::size_t bytes);
  // When the next bytes may leave at this rate; in the past when they may already.
  TimePoint next(Rate rate) const;

 private:
  std::int64_t debt_at(TimePoint now, std::uint64_t rate) const;

  TimePoint at_{};
  std::int64_t debt_ = 0;  // bytes that left before their time, at at_; below 0 they may follow
};

}  // namespace cip::overlay
