#pragma once

// What decides how much of a UDX stream may be in flight and how fast it leaves (udx.md 7). The
// sender tells what happened, in bytes of payload; congestion control answers with a window and a
// rate. It sees no packet and no number, so that a test can put a fixed window in its place.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace cip::overlay {

// The most that a stream has in flight, whatever a window says (udx.md 13).
inline constexpr std::size_t kMaxUdxFlight = std::size_t{32} << 20;

// What each packet in flight remembers of the moment it was sent
// (draft-cheng-iccrg-delivery-rate-estimation 3.2). UdxDeliveryRate makes it; a packet that is sent
// again gets a new one.
struct SendMark {
  TimePoint sent{};
  std::uint64_t delivered = 0;  // bytes of the stream that had been delivered
  TimePoint delivered_at{};     // when the last of them were
  TimePoint first_sent{};       // when the packet was sent that was the newest delivered
  bool app_limited = false;     // the stream had too little to send to fill its window
};

// How fast the stream was delivered from the sending of one packet until now.
struct RateSample {
  std::optional<std::uint64_t> bytes_per_second;  // none: too short a time to tell
  Duration interval{};                            // the longer of the times of sending and arriving
  std::size_t delivered = 0;                      // bytes within the interval
  std::uint64_t prior_delivered =
      0;  // bytes delivered when the newest packet acknowledged was sent
  std::uint64_t total_delivered = 0;  // bytes delivered by now: a round ends when prior reaches it
  bool app_limited = false;
  bool late = false;  // some of the bytes had arrived before the interval, and were told in it
};

// One datagram with news: something was acknowledged or SACKed that had not been before.
struct AckSample {
  std::size_t delivered = 0;  // bytes newly acknowledged or SACKed
  std::size_t late = 0;       // of these, bytes that had arrived long before it was told
  std::size_t lost = 0;       // bytes that it shows to be lost; they are not told by on_lost() too
  std::size_t in_flight = 0;  // bytes after it: sent, not delivered, not called lost
  std::optional<Duration> rtt;  // of a packet that was sent once; none: no such was acknowledged
  RateSample rate;
};

// Not for a lost MTU probe: that tells nothing of congestion (udx.md 8) and is kept from here.
class UdxCongestion {
 public:
  virtual ~UdxCongestion() = default;

  // The size of a full packet from now on, payload bytes; windows of so many packets follow it.
  virtual void set_packet_size(std::size_t bytes) = 0;

  virtual void on_sent(TimePoint now, std::size_t bytes, std::size_t in_flight_before) = 0;
  virtual void on_ack(TimePoint now, const AckSample& sample) = 0;
  // Loss that a timer found. Bytes that an acknowledgement shows to be lost come with it.
  virtual void on_lost(TimePoint now, std::size_t bytes, std::size_t in_flight) = 0;
  // The retransmission timer ran out; after on_lost() for what it gave up.
  virtual void on_rto(TimePoint now, std::size_t in_flight) = 0;

  // Bytes that may be in flight: send while less is. At least one packet.
  virtual std::size_t window() const = 0;
  // Bytes per second at which data may leave, never 0; none: the window alone holds it.
  virtual std::optional<std::uint64_t> pacing_rate() const = 0;
};

}  // namespace cip::overlay
