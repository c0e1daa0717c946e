#include "overlay/transport/udx/flight.hpp"

#include <utility>

namespace cip::overlay {
namespace {

constexpr std::size_t kFewestPackets = 16;
// A ring that has grown beyond this is given back when nothing is in flight.
constexpr std::size_t kKeptPackets = 64;

}  // namespace

void UdxFlight::push(const UdxSent& packet) {
  if (size() == ring_.size()) grow();
  const auto seq = next_++;
  auto& place = get(seq);
  place = packet;
  place.state = UdxSent::State::out;
  place.transmissions = 1;
  bytes_out_ += place.weight();
  bytes_ += place.weight();
  append_to_order(seq);
}

void UdxFlight::resend(UdxSeq seq, const SendMark& mark) {
  auto& packet = get(seq);
  CIP_ASSERT(packet.state != UdxSent::State::delivered);
  if (packet.state == UdxSent::State::lost) {
    --packets_lost_;
    bytes_out_ += packet.weight();
    packet.state = UdxSent::State::out;
  } else {
    take_from_order(seq);
  }
  packet.mark = mark;
  if (packet.transmissions < UINT8_MAX) ++packet.transmissions;
  append_to_order(seq);
}

void UdxFlight::lose(UdxSeq seq) {
  auto& packet = get(seq);
  leave_path(seq);
  packet.state = UdxSent::State::lost;
  if (packets_lost_++ == 0 || udx_before(seq, lost_from_)) lost_from_ = seq;
}

void UdxFlight::set_overdue(UdxSeq seq) {
  auto& packet = get(seq);
  CIP_ASSERT(packet.state == UdxSent::State::out);
  leave_path(seq);
  packet.state = UdxSent::State::overdue;
  if (packets_overdue_++ == 0 || udx_before(seq, overdue_from_)) overdue_from_ = seq;
}

// One that is out or overdue is about to be something else.
void UdxFlight::leave_path(UdxSeq seq) {
  const auto& packet = get(seq);
  if (packet.state == UdxSent::State::overdue) {
    --packets_overdue_;
    return;
  }
  CIP_ASSERT(packet.state == UdxSent::State::out);
  take_from_order(seq);
  bytes_out_ -= packet.weight();
}

UdxSeq UdxFlight::lowest_lost() const {
  CIP_ASSERT(packets_lost_ > 0);
  if (udx_before(lost_from_, first_)) lost_from_ = first_;
  while (at(lost_from_).state != UdxSent::State::lost) ++lost_from_;
  return lost_from_;
}

UdxSeq UdxFlight::highest_out() const {
  CIP_ASSERT(packets_out_ > 0);
  auto seq = next_ - 1;
  while (at(seq).state != UdxSent::State::out) --seq;
  return seq;
}

std::optional<UdxSeq> UdxFlight::oldest_sent() const {
  return packets_out_ > 0 ? std::optional(oldest_) : std::nullopt;
}

std::optional<UdxSeq> UdxFlight::sent_after(UdxSeq seq) const {
  return seq != newest_ ? std::optional(at(seq).newer) : std::nullopt;
}

void UdxFlight::grow() {
  const auto size_before = ring_.size();
  auto old = std::exchange(
      ring_, std::vector<UdxSent>(size_before == 0 ? kFewestPackets : 2 * size_before));
  if (old.empty()) return;
  for (auto seq = first_; seq != next_; ++seq) get(seq) = old[seq & (size_before - 1)];
}

void UdxFlight::shrink() {
  if (ring_.size() > kKeptPackets) std::vector<UdxSent>().swap(ring_);
}

void UdxFlight::append_to_order(UdxSeq seq) {
  if (packets_out_++ == 0) {
    oldest_ = seq;
  } else {
    get(newest_).newer = seq;
    get(seq).older = newest_;
  }
  newest_ = seq;
}

void UdxFlight::take_from_order(UdxSeq seq) {
  const auto& packet = get(seq);
  --packets_out_;
  if (packets_out_ == 0) return;
  if (seq == oldest_) {
    oldest_ = packet.newer;
  } else if (seq == newest_) {
    newest_ = packet.older;
  } else {
    get(packet.older).newer = packet.newer;
    get(packet.newer).older = packet.older;
  }
}

void UdxFlight::set_delivered(UdxSeq seq) {
  auto& packet = get(seq);
  if (packet.state == UdxSent::State::lost) {
    --packets_lost_;
  } else {
    leave_path(seq);
  }
  packet.state = UdxSent::State::delivered;
  packet.newer = seq + 1;
}

// From `seq` on, at most `end`. Paths that were walked become shorter: a block that comes again in
// each SACK is stepped over, not through.
UdxSeq UdxFlight::next_undelivered(UdxSeq seq, UdxSeq end) {
  auto at = seq;
  while (udx_before(at, end) && get(at).state == UdxSent::State::delivered) {
    auto& packet = get(at);
    if (udx_before(packet.newer, end) && get(packet.newer).state == UdxSent::State::delivered)
      packet.newer = get(packet.newer).newer;
    at = packet.newer;
  }
  return udx_before(at, end) ? at : end;
}

}  // namespace cip::overlay
