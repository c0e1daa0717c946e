#pragma once

// Packets that were sent and are not acknowledged, by number, kept as they were cut. Each is out,
// lost, overdue (it has left the path, and nobody said yet whether it was lost), or delivered (by
// SACK) and waits only for those before it. Those that are out also stand in the order in which
// they were last sent, which is what tells of loss (udx.md 6.3).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/assert.hpp"
#include "overlay/transport/udx/congestion.hpp"
#include "overlay/transport/udx/send_queue.hpp"
#include "overlay/transport/udx/sequence.hpp"

namespace cip::overlay {

// One packet.
struct UdxSent {
  enum class State : std::uint8_t { out, lost, overdue, delivered };

  UdxPiece piece;
  bool end = false;          // carries END
  std::uint8_t padding = 0;  // of its first transmission, an MTU probe
  std::uint8_t transmissions = 0;
  State state = State::out;
  UdxSeq older = 0;  // neighbours in the order of sending, while it is out
  UdxSeq newer = 0;  // of one delivered: a later number, all up to which are delivered
  SendMark mark;

  // What it counts for in flight: an END alone is not nothing.
  std::size_t weight() const { return piece.length > 0 ? piece.length : 1; }
};

class UdxFlight {
 public:
  explicit UdxFlight(UdxSeq first) : first_(first), next_(first) {}

  UdxSeq first() const { return first_; }  // lowest that is not acknowledged
  UdxSeq next() const { return next_; }    // number of the next packet
  bool empty() const { return first_ == next_; }
  std::size_t size() const { return next_ - first_; }
  const UdxSent& at(UdxSeq seq) const { return ring_[seq & (ring_.size() - 1)]; }

  std::size_t packets_out() const { return packets_out_; }
  std::size_t packets_lost() const { return packets_lost_; }
  std::size_t packets_sacked() const {
    return size() - packets_out_ - packets_lost_ - packets_overdue_;
  }
  // Weights of those that are out.
  std::size_t bytes_out() const { return bytes_out_; }
  // Weights of all that are not acknowledged, those above a gap that were SACKed among them.
  std::size_t bytes() const { return bytes_; }

  // A new packet, sent now.
  void push(const UdxSent& packet);
  // One that is out or lost is sent again.
  void resend(UdxSeq seq, const SendMark& mark);
  void lose(UdxSeq seq);
  void set_overdue(UdxSeq seq);  // one that is out
  // Calls overdue(seq) for each packet below `end` that is, in order; it may be lost by that.
  template <typename Overdue>
  void visit_overdue(UdxSeq end, Overdue&& overdue);
  UdxSeq lowest_lost() const;  // while packets_lost() is not 0
  UdxSeq highest_out() const;  // while packets_out() is not 0

  // Calls delivered(seq, packet) for each packet that had not been; those below `ack` are gone
  // then. Both checked: ack <= next(), first() <= range.begin, range.end <= next().
  template <typename Delivered>
  void acknowledge(UdxSeq ack, Delivered&& delivered);
  template <typename Delivered>
  void sack(const UdxRange& range, Delivered&& delivered);

  // The one whose last sending is the longest ago, of those that are out.
  std::optional<UdxSeq> oldest_sent() const;
  // The one that was sent next after it.
  std::optional<UdxSeq> sent_after(UdxSeq seq) const;

 private:
  UdxSent& get(UdxSeq seq) { return ring_[seq & (ring_.size() - 1)]; }
  void grow();
  void shrink();
  void append_to_order(UdxSeq seq);
  void take_from_order(UdxSeq seq);
  void leave_path(UdxSeq seq);
  void set_delivered(UdxSeq seq);
  UdxSeq next_undelivered(UdxSeq seq, UdxSeq end);

  std::vector<UdxSent> ring_;  // by number; as many as a power of two, or none
  UdxSeq first_;
  UdxSeq next_;
  UdxSeq oldest_ = 0;  // ends of the order of sending, while packets_out_ is not 0
  UdxSeq newest_ = 0;
  mutable UdxSeq lost_from_ = 0;  // none below it is lost
  UdxSeq overdue_from_ = 0;       // none below it is overdue
  std::size_t packets_out_ = 0;
  std::size_t packets_lost_ = 0;
  std::size_t packets_overdue_ = 0;
  std::size_t bytes_out_ = 0;
  std::size_t bytes_ = 0;
};

template <typename Delivered>
void UdxFlight::acknowledge(UdxSeq ack, Delivered&& delivered) {
  for (; first_ != ack; ++first_) {
    auto& packet = get(first_);
    bytes_ -= packet.weight();
    if (packet.state == UdxSent::State::delivered) continue;
    delivered(first_, packet);
    set_delivered(first_);
  }
  if (empty()) shrink();
}

template <typename Delivered>
void UdxFlight::sack(const UdxRange& range, Delivered&& delivered) {
  for (auto seq = next_undelivered(range.begin, range.end); seq != range.end;
       seq = next_undelivered(seq + 1, range.end)) {
    delivered(seq, get(seq));
    set_delivered(seq);
  }
}

template <typename Overdue>
void UdxFlight::visit_overdue(UdxSeq end, Overdue&& overdue) {
  if (packets_overdue_ == 0) return;
  if (udx_before(overdue_from_, first_)) overdue_from_ = first_;
  for (; udx_before(overdue_from_, end); ++overdue_from_) {
    if (at(overdue_from_).state == UdxSent::State::overdue) overdue(overdue_from_);
  }
}

}  // namespace cip::overlay
