#pragma once

// When a receiver acknowledges (udx.md 5.3): every second full packet or after 5 ms, and at once
// whenever the sender could be waiting for it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace cip::overlay {

inline constexpr Duration kUdxAckDelay = std::chrono::milliseconds(5);
// The first packets of a stream are acknowledged each at once: they set the sender's pace.
inline constexpr std::uint8_t kUdxPromptPackets = 32;

class UdxAckPolicy {
 public:
  // A packet of the next data came; `at_once` if it was anything but the plain next one.
  void on_packet(TimePoint now, std::size_t payload, bool at_once);
  // An acknowledgement is owed now, whatever came.
  void demand() { at_once_ = true; }
  bool due(TimePoint now) const { return at_once_ || (deadline_ && *deadline_ <= now); }
  // When one that is held back becomes due.
  std::optional<TimePoint> deadline() const { return at_once_ ? std::nullopt : deadline_; }
  // One has left, alone or with data.
  void on_sent();

 private:
  std::size_t largest_ = 0;
  std::optional<TimePoint> deadline_;
  std::uint8_t prompt_left_ = kUdxPromptPackets;
  bool at_once_ = false;
};

}  // namespace cip::overlay
