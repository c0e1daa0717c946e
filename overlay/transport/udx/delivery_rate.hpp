#pragma once

// How fast a stream is delivered, measured packet by packet
// (draft-cheng-iccrg-delivery-rate-estimation). A sample reaches from the sending of a packet to
// its acknowledgement; taking the longer of the time in which its flight was sent and the time in
// which it was acknowledged, neither a burst nor a bundle of ACKs looks faster than the path is.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "overlay/transport/udx/congestion.hpp"

namespace cip::overlay {

// Per datagram with acknowledgements: on_delivered() for each packet that is newly acknowledged or
// SACKed, then take_sample() once.
class UdxDeliveryRate {
 public:
  // For each transmission of a packet, before it counts as in flight.
  SendMark on_sent(TimePoint now, std::size_t in_flight);
  void on_delivered(TimePoint now, const SendMark& mark, std::size_t bytes);
  // What was delivered last had arrived long before it was told.
  void set_late() { late_until_ = delivered_; }
  // Of what was delivered since the last call. No rate when nothing was, or when the interval is
  // shorter than min_rtt: then acknowledgements were held back on their way and came together.
  RateSample take_sample(TimePoint now, Duration min_rtt);
  // The stream has nothing to send though its window and its pacer would let it: until what is in
  // flight is delivered, samples tell of the application and not of the path.
  void set_app_limited(std::size_t in_flight);

 private:
  std::uint64_t delivered_ = 0;
  TimePoint delivered_at_{};
  TimePoint first_sent_{};
  std::uint64_t app_limited_until_ = 0;  // samples are, up to so many bytes delivered; 0: none is
  std::uint64_t late_until_ = 0;         // samples that begin below it count bytes told late
  std::optional<SendMark> newest_;       // the last sent of those delivered since the last sample
};

}  // namespace cip::overlay
