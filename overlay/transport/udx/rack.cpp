#include "overlay/transport/udx/rack.hpp"

#include <algorithm>

namespace cip::overlay {
namespace {

// After a needless repeat.
constexpr std::uint8_t kWidenedRecoveries = 16;
// So many SACKed packets are loss, until reordering was seen.
constexpr std::size_t kSackedForLoss = 3;

}  // namespace

void UdxRack::on_delivered(TimePoint now, UdxSeq seq, const UdxSent& packet, const UdxRtt& rtt) {
  // Which transmission was acknowledged cannot be told before there is a round trip to compare
  // with: on a path slower than the first timer it was the original, and nothing that was sent
  // before the repeat is lost for that.
  if (packet.transmissions > 1 && !rtt.has_sample()) return;
  const auto took = now - packet.mark.sent;
  if (packet.transmissions > 1 && took < rtt.min_rtt() / 2) {
    // No repeat is acknowledged so soon: that was the original.
    widened_ = kWidenedRecoveries;
    reordered_ = true;
    return;
  }
  if (udx_before(highest_, seq)) {
    highest_ = seq;
  } else if (packet.transmissions == 1) {
    reordered_ = true;
  }
  const bool newest = !has_delivered_ || packet.mark.sent > sent_ ||
                      (packet.mark.sent == sent_ && udx_before(seq_, seq));
  if (!newest) return;
  has_delivered_ = true;
  sent_ = packet.mark.sent;
  seq_ = seq;
  rtt_ = took;
}

void UdxRack::detect(TimePoint now, UdxFlight& flight, const UdxRtt& rtt, bool recovering,
                     std::vector<UdxSeq>& lost) {
  deadline_.reset();
  if (!has_delivered_) return;
  const auto patience = rtt_ + reordering_window(flight, rtt, recovering);
  for (auto next = flight.oldest_sent(); next;) {
    const auto seq = *next;
    const auto sent = flight.at(seq).mark.sent;
    if (sent > sent_ || (sent == sent_ && !udx_before(seq, seq_))) return;
    if (sent + patience > now) {
      deadline_ = sent + patience;
      return;
    }
    next = flight.sent_after(seq);
    flight.lose(seq);
    lost.push_back(seq);
  }
}

void UdxRack::detect_on_rto(TimePoint now, UdxFlight& flight, const UdxRtt& rtt,
                            std::vector<UdxSeq>& lost) {
  deadline_.reset();
  const auto give_up = [&](UdxSeq seq) {
    flight.lose(seq);
    lost.push_back(seq);
  };
  if (flight.at(flight.first()).state == UdxSent::State::out) give_up(flight.first());
  if (!has_delivered_) return;
  const auto patience = rtt_ + reordering_window(flight, rtt, true);
  for (auto next = flight.oldest_sent(); next;) {
    const auto seq = *next;
    if (flight.at(seq).mark.sent + patience > now) return;
    next = flight.sent_after(seq);
    give_up(seq);
  }
}

void UdxRack::on_recovery_end() {
  if (widened_ > 0) --widened_;
}

Duration UdxRack::reordering_window(const UdxFlight& flight, const UdxRtt& rtt,
                                    bool recovering) const {
  if (!reordered_ && (recovering || flight.packets_sacked() >= kSackedForLoss)) return {};
  const auto window = rtt.min_rtt() / 4 * (widened_ > 0 ? 2 : 1);
  return std::min(window, rtt.srtt());
}

}  // namespace cip::overlay
