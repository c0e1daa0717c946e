#pragma once

// The window that a stream advertises (udx.md 9): what can really be taken. A budget per stream
// that grows with what arrives, within the room that all streams of a node share.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace cip::overlay {

inline constexpr std::size_t kFirstReceiveBudget = std::size_t{1} << 20;
inline constexpr std::size_t kMaxReceiveBudget = std::size_t{16} << 20;
inline constexpr std::size_t kReceiveStep = std::size_t{16} << 10;  // windows are multiples of it
inline constexpr std::size_t kReceiveRoom = std::size_t{64} << 20;  // of all streams together

// Bytes that the streams of a node hold: handed up and not consumed, or out of order. Windows
// follow what is left; since together they may promise more than there is, whoever holds asks first
// and drops, unacknowledged, what has no room.
class UdxReceiveRoom {
 public:
  explicit UdxReceiveRoom(std::size_t total = kReceiveRoom) : total_(total) {}

  std::size_t left() const { return total_ - held_; }
  // False, and nothing changes: no room for so many.
  bool take(std::size_t bytes);
  void give_back(std::size_t bytes);

 private:
  std::size_t total_;
  std::size_t held_ = 0;
};

class UdxReceiveWindow {
 public:
  // So many bytes have become in order, that is, acknowledged. Doubles the budget when within one
  // round trip more than half of it came, unless the room is half full. rtt: 0 if it is unknown.
  void on_in_order(TimePoint now, std::size_t bytes, Duration rtt, std::size_t room_left);

  // The window for the packet that leaves now, from the acknowledged point on. held: bytes of this
  // stream that are in order and not consumed; what came early lies within the window. Its right
  // edge never moves back.
  std::uint32_t advertise(std::size_t held, std::size_t room_left);
  // The window has opened so far since it was last advertised that the sender must be told unasked:
  // it was closed, or half of the budget has been added.
  bool has_opened(std::size_t held, std::size_t room_left) const;

  std::size_t budget() const { return budget_; }

 private:
  std::uint64_t edge(std::size_t held, std::size_t room_left) const;

  std::size_t budget_ = kFirstReceiveBudget;
  std::uint64_t in_order_ = 0;    // bytes of the stream
  std::uint64_t advertised_ = 0;  // the right edge that the sender knows, in bytes of the stream
  TimePoint round_began_{};
  std::uint64_t round_from_ = 0;  // in_order_ when the round began
};

}  // namespace cip::overlay
