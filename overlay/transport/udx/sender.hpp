#pragma once

// The sending half of a stream: what was written is cut into packets, kept until acknowledged and
// repeated when lost, as fast as congestion control, pacing and the other side's window allow
// (udx.md 6 to 10). It knows no path: who owns it says where bursts go.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "overlay/transport/udx/congestion.hpp"
#include "overlay/transport/udx/delivery_rate.hpp"
#include "overlay/transport/udx/flight.hpp"
#include "overlay/transport/udx/mtu_search.hpp"
#include "overlay/transport/udx/pacer.hpp"
#include "overlay/transport/udx/packet.hpp"
#include "overlay/transport/udx/peer_window.hpp"
#include "overlay/transport/udx/rack.hpp"
#include "overlay/transport/udx/repeat_timer.hpp"
#include "overlay/transport/udx/rtt.hpp"
#include "overlay/transport/udx/send_queue.hpp"

namespace cip::overlay {

// Packets for one sendmsg(): all of `segment` bytes, the last may be shorter.
struct UdxBurst {
  Bytes bytes;
  std::size_t segment = 0;
  std::size_t packets = 0;
  bool repeats = false;       // all of them, or none
  bool may_fragment = false;  // the path has become too narrow for them
};

class UdxSender {
 public:
  UdxSender(UdxSeq first, std::unique_ptr<UdxCongestion> congestion);

  // --- commands

  void write(TimePoint now, Bytes bytes);
  void end(TimePoint now);
  // The path is this from now on, or another; `ceiling`: the largest payload worth trying there.
  void set_path(TimePoint now, std::size_t ceiling);
  void set_ceiling(std::size_t ceiling);

  // --- inputs

  struct Heard {
    bool believed = false;      // false: acknowledges what was never sent; nothing was used
    std::size_t bad_sacks = 0;  // blocks that cannot be
    bool progress = false;      // something was newly acknowledged
  };
  // Window, acknowledgement and SACK of any packet (udx.md 5.1, step 11).
  Heard handle_ack(TimePoint now, const UdxPacket& packet);
  // False: nothing was heard for too long, the stream is dead.
  bool handle_timeout(TimePoint now);

  // --- outputs

  // Whether a burst may leave now.
  bool can_send(TimePoint now) const;
  // The next burst, while can_send(). Of `header` stream, window and ack are used.
  UdxBurst take_burst(TimePoint now, const UdxHeader& header);
  // A heartbeat is to be sent: the other side's window is closed.
  bool take_heartbeat() { return window_.take_heartbeat(); }
  bool wants_heartbeat() const { return window_.wants_heartbeat(); }
  std::optional<TimePoint> next_timeout(TimePoint now) const;

  // --- what is known

  UdxSeq next() const { return flight_.next(); }
  UdxSeq first_unacknowledged() const { return flight_.first(); }
  std::size_t queued() const { return queue_.queued(); }
  // The own END is acknowledged, with all before it.
  bool ended() const { return end_sent_ && flight_.empty(); }
  const UdxRtt& rtt() const { return rtt_; }
  std::size_t payload() const { return mtu_.payload(); }
  std::uint64_t retransmits() const { return retransmits_; }
  std::uint64_t bytes_delivered() const { return bytes_delivered_; }

 private:
  // What leaves next.
  struct Next {
    bool repeat = false;
    UdxSeq seq = 0;          // of a repeat
    std::size_t length = 0;  // payload
    bool may_fragment = false;
  };
  // What one acknowledgement newly delivered.
  struct Round {
    std::size_t bytes = 0;
    std::size_t late = 0;  // of them, bytes of packets that were overdue
    std::size_t packets = 0;
    std::optional<TimePoint> sent;  // of the latest sent of those that were sent once
  };

  void on_delivered(TimePoint now, UdxSeq seq, const UdxSent& packet, Round& round);
  void finish_round(TimePoint now, const Round& round);
  std::size_t count_lost();
  bool handle_rto(TimePoint now);
  void refresh(TimePoint now);

  std::optional<Next> next_packet() const;
  Next repeat_of(UdxSeq seq) const;
  bool fits(const UdxBurst& burst, const Next& next) const;
  void emit_repeat(TimePoint now, const Next& next, UdxHeader header, UdxBurst& burst);
  void emit_fresh(TimePoint now, const Next& next, UdxHeader header, UdxBurst& burst);
  bool has_fresh() const { return queue_.queued() > 0 || (end_wanted_ && !end_sent_); }

  UdxSendQueue queue_;
  UdxFlight flight_;
  UdxRtt rtt_;
  UdxDeliveryRate rate_;
  UdxPacer pacer_;
  UdxMtuSearch mtu_;
  std::unique_ptr<UdxCongestion> congestion_;
  UdxRack rack_;
  UdxRepeatTimer timer_;
  UdxPeerWindow window_;
  std::vector<UdxSeq> lost_;            // scratch: what the last detection found
  std::optional<UdxSeq> recovery_end_;  // recovering until all below it is acknowledged
  std::optional<UdxSeq> fragment_end_;  // packets below it that exceed the base may be fragmented
  bool end_wanted_ = false;
  bool end_sent_ = false;
  bool probe_wanted_ = false;  // a tail loss probe, whatever the windows say
  std::uint64_t retransmits_ = 0;
  std::uint64_t bytes_delivered_ = 0;
};

}  // namespace cip::overlay
