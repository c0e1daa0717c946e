#include "overlay/transport/udx/receiver.hpp"

#include "base/assert.hpp"

namespace cip::overlay {

UdxReceiver::Place UdxReceiver::place_of(UdxSeq seq) const {
  if (ended_ || udx_before(seq, expected_)) return Place::known;
  if (seq == expected_) return Place::next;
  if (last_ && udx_before(*last_, seq)) return Place::known;
  if (udx_distance(expected_, seq) >= kUdxMaxAhead) return Place::too_far;
  return reorder_.holds(seq) ? Place::known : Place::early;
}

void UdxReceiver::advance() {
  CIP_ASSERT(!ended_);
  ended_ = last_ && *last_ == expected_;
  ++expected_;
  if (ended_) reorder_.clear();
}

std::optional<Bytes> UdxReceiver::take_next() {
  if (ended_) return std::nullopt;
  auto payload = reorder_.take(expected_);
  if (payload) advance();
  return payload;
}

void UdxReceiver::keep(UdxSeq seq, ByteView payload) { reorder_.add(seq, payload); }

void UdxReceiver::end_at(UdxSeq seq) {
  if (last_ || ended_ || udx_before(seq, expected_)) return;
  last_ = seq;
}

}  // namespace cip::overlay
