#pragma once

// Which packets are lost, by time (RACK, RFC 8985; udx.md 6.3): a packet is when one that was sent
// after it has been delivered, and it has had a round trip and the reordering window to be
// delivered itself.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "overlay/transport/udx/flight.hpp"
#include "overlay/transport/udx/packet.hpp"
#include "overlay/transport/udx/rtt.hpp"

namespace cip::overlay {

class UdxRack {
 public:
  explicit UdxRack(UdxSeq first) : highest_(first - 1) {}

  // Whatever acknowledges, once the flight knows what it delivered.
  void note_untold(const UdxPacket& packet, const UdxFlight& flight);
  // Nobody said whether this packet has arrived, since a SACK names the lowest blocks only: it is
  // not lost for not being named.
  bool is_untold(UdxSeq seq) const { return untold_from_ && !udx_before(seq, *untold_from_); }
  // A packet was newly delivered.
  void on_delivered(TimePoint now, UdxSeq seq, const UdxSent& packet, const UdxRtt& rtt);
  // Moves packets of the flight from out to lost and appends their numbers. What may be lost soon
  // sets deadline().
  void detect(TimePoint now, UdxFlight& flight, const UdxRtt& rtt, bool recovering,
              std::vector<UdxSeq>& lost);
  // The same when the retransmission timer ran out: whatever had its time is lost, also if nothing
  // that was sent later has been delivered. The first packet is, in any case.
  void detect_on_rto(TimePoint now, UdxFlight& flight, const UdxRtt& rtt,
                     std::vector<UdxSeq>& lost);
  // When detect() is to be called even if nothing comes.
  std::optional<TimePoint> deadline() const { return deadline_; }
  void on_recovery_end();

 private:
  void judge_overdue(UdxFlight& flight, std::vector<UdxSeq>& lost) const;
  void give_up(UdxFlight& flight, UdxSeq seq, std::vector<UdxSeq>& lost) const;
  Duration reordering_window(const UdxFlight& flight, const UdxRtt& rtt, bool recovering) const;

  bool has_delivered_ = false;
  TimePoint sent_{};  // of the delivered packet that was sent last, and its number
  UdxSeq seq_ = 0;
  Duration rtt_{};
  UdxSeq highest_;                     // delivered
  bool reordered_ = false;             // a lower one was delivered after a higher one, sent once
  std::optional<UdxSeq> untold_from_;  // none: all was told
  std::uint8_t widened_ = 0;           // recoveries for which the window is doubled
  std::optional<TimePoint> deadline_;
};

}  // namespace cip::overlay
