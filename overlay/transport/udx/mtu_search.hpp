#pragma once

// Which size of packet the path carries (udx.md 8). All sizes here are payload bytes as the path
// sees them, padding included; the IP packet is kUdxOverhead larger.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace cip::overlay {

inline constexpr std::size_t kUdxOverhead = 20 + 8 + 20;  // UDX, UDP, IPv4
inline constexpr std::size_t kUdxBasePayload = 1200 - kUdxOverhead;
inline constexpr std::size_t kMaxUdxPadding = 255;  // more does not fit the offset of a packet
// Stock reads into 2,048 bytes and acknowledges what was cut off: never a larger datagram to it.
inline constexpr std::size_t kMaxStockPayload = 2048 - 20;
inline constexpr std::size_t kMaxUdxPayload = (std::size_t{16} << 10) - kUdxOverhead;

// The largest payload worth a search on a link of this MTU (1500 if unknown).
std::size_t udx_payload_ceiling(std::size_t link_mtu, bool large_datagrams);

// A probe is a full data packet with padding, one at a time, at most 255 above payload(): its data
// can be repeated without padding. Sizes go up to the ceiling first; below one that was lost three
// times the search halves what is left and ends within 8 bytes, for 10 minutes.
class UdxMtuSearch {
 public:
  // What packets may carry. At first, and on each new path, the base.
  std::size_t payload() const { return proven_; }

  // A new path, with the largest payload that is worth a search on it (udx_payload_ceiling()).
  void set_path(std::size_t ceiling);
  // The same path; a higher ceiling begins a search.
  void set_ceiling(std::size_t ceiling);

  // The size to which the next full data packet is to be padded, if any. None before something was
  // delivered, and none while a probe is out.
  std::optional<std::size_t> probe(TimePoint now);
  void on_probe_sent(std::size_t size);
  // Acknowledged; on_delivered() is not called for it.
  void on_probe_delivered(TimePoint now, std::size_t size);
  // Lost, or refused by the system (EMSGSIZE).
  void on_probe_lost(TimePoint now, std::size_t size);

  // A packet of this size was newly acknowledged.
  void on_delivered(std::size_t size);
  enum class Verdict {
    none,
    shrink,  // a black hole: payload() is the base; what is larger in the flight may be fragmented
    close,   // that did not help, though smaller packets arrive
  };
  // The retransmission timer ran out on a packet of this size. A path that carries nothing at all
  // is no black hole: it is left to the death of the stream (udx.md 10).
  Verdict on_rto(TimePoint now, std::size_t size);

 private:
  bool has_ended() const;
  void begin();

  std::size_t ceiling_ = kUdxBasePayload;
  std::size_t proven_ = kUdxBasePayload;
  std::size_t failed_ = kUdxBasePayload + 1;  // the smallest size that is not to be tried
  std::size_t out_ = 0;                       // size of the probe that is under way; 0: none is
  TimePoint again_{};                         // when a search that has ended begins anew
  std::uint8_t losses_ = 0;                   // of the size that is being tried
  std::uint8_t rtos_ = 0;                     // in a row, of packets above the base
  bool heard_ = false;                        // something was delivered on this path
  bool small_arrive_ = false;  // packets up to the base were, since the first of rtos_
};

}  // namespace cip::overlay
