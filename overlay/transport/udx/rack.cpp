#include "overlay/transport/udx/rack.hpp"

#include <algorithm>

namespace cip::overlay {
namespace {

// After a needless repeat.
constexpr std::uint8_t kWidenedRecoveries = 16;
// So many SACKed packets are loss, until reordering was seen.
constexpr std::size_t kSackedForLoss = 3;

// A SACK of the most blocks may have left out others above them (udx.md 6.2).
std::optional<UdxSeq> end_of_told(const UdxPacket& packet, UdxSeq next) {
  const auto blocks = packet.sack_blocks();
  if (blocks < kUdxMaxSackSent) return std::nullopt;
  const auto end = packet.sack_block(blocks - 1).end;
  return udx_before(next, end) ? std::nullopt : std::optional(end);
}

void lose(UdxFlight& flight, UdxSeq seq, std::vector<UdxSeq>& lost) {
  flight.lose(seq);
  lost.push_back(seq);
}

}  // namespace

// Data and messages acknowledge and say nothing of gaps; older acknowledgements knew less.
void UdxRack::note_untold(const UdxPacket& packet, const UdxFlight& flight) {
  const bool tells = !packet.is(kUdxData | kUdxEnd | kUdxMessage);
  if (tells && packet.header.ack == flight.first()) {
    untold_from_ = end_of_told(packet, flight.next());
  } else if (is_untold(flight.first())) {
    untold_from_.reset();  // all that was told of is acknowledged
  }
}

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
  // It may have arrived long before it was told.
  if (!is_untold(seq)) rtt_ = took;
}

void UdxRack::detect(TimePoint now, UdxFlight& flight, const UdxRtt& rtt, bool recovering,
                     std::vector<UdxSeq>& lost) {
  deadline_.reset();
  if (!has_delivered_) return;
  judge_overdue(flight, lost);
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
    give_up(flight, seq, lost);
  }
}

void UdxRack::detect_on_rto(TimePoint now, UdxFlight& flight, const UdxRtt& rtt,
                            std::vector<UdxSeq>& lost) {
  deadline_.reset();
  const auto first = flight.first();
  const auto state = flight.at(first).state;
  if (state == UdxSent::State::out || state == UdxSent::State::overdue) {
    lose(flight, first, lost);
  }
  if (!has_delivered_) return;
  const auto patience = rtt_ + reordering_window(flight, rtt, true);
  for (auto next = flight.oldest_sent(); next;) {
    const auto seq = *next;
    if (flight.at(seq).mark.sent + patience > now) return;
    next = flight.sent_after(seq);
    give_up(flight, seq, lost);
  }
}

// What was overdue is lost, now that it was told what had arrived and this was not.
void UdxRack::judge_overdue(UdxFlight& flight, std::vector<UdxSeq>& lost) const {
  flight.visit_overdue(untold_from_.value_or(flight.next()),
                       [&](UdxSeq seq) { lose(flight, seq, lost); });
}

// A packet that is out has had its time. If nobody said what became of it, it is not on the path
// any more all the same: it would keep its place in the window from the repeats that are needed
// for more to be told.
void UdxRack::give_up(UdxFlight& flight, UdxSeq seq, std::vector<UdxSeq>& lost) const {
  if (is_untold(seq)) return flight.set_overdue(seq);
  lose(flight, seq, lost);
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
