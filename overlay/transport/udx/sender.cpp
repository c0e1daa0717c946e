#include "overlay/transport/udx/sender.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/machine.hpp"

namespace cip::overlay {
namespace {

// What the system takes in one sendmsg() with UDP_SEGMENT: one UDP datagram before it is cut, and
// no more than 64 segments.
constexpr std::size_t kMaxBurstBytes = 65'000;
constexpr std::size_t kMaxBurstPackets = 64;

// A block of a SACK of packets that were sent.
bool is_believable(const UdxRange& block, UdxSeq next) {
  return udx_before(block.begin, block.end) && !udx_before(next, block.end);
}

std::uint8_t type_of(const UdxPiece& piece, bool end) {
  return static_cast<std::uint8_t>((piece.length > 0 ? kUdxData : 0) | (end ? kUdxEnd : 0));
}

}  // namespace

UdxSender::UdxSender(UdxSeq first, std::unique_ptr<UdxCongestion> congestion)
    : flight_(first), congestion_(std::move(congestion)), rack_(first) {
  congestion_->set_packet_size(mtu_.payload());
}

// --- commands

void UdxSender::write(TimePoint now, Bytes bytes) {
  if (end_wanted_) return;
  queue_.write(std::move(bytes));
  refresh(now);
}

void UdxSender::end(TimePoint now) {
  end_wanted_ = true;
  refresh(now);
}

void UdxSender::set_path(TimePoint now, std::size_t ceiling) {
  mtu_.set_path(ceiling);
  congestion_->set_packet_size(mtu_.payload());
  timer_.restart(now);
}

void UdxSender::set_ceiling(std::size_t ceiling) {
  mtu_.set_ceiling(ceiling);
  congestion_->set_packet_size(mtu_.payload());
}

// --- acknowledgements

UdxSender::Heard UdxSender::handle_ack(TimePoint now, const UdxPacket& packet) {
  const auto ack = packet.header.ack;
  if (udx_before(flight_.next(), ack)) return {};
  Heard heard{.believed = true};
  window_.update(packet.header);
  Round round;
  const auto deliver = [&](UdxSeq seq, const UdxSent& sent) {
    on_delivered(now, seq, sent, round);
  };
  if (udx_before(flight_.first(), ack)) flight_.acknowledge(ack, deliver);
  for (std::size_t i = 0; i < packet.sack_blocks(); ++i) {
    const auto block = packet.sack_block(i);
    if (!is_believable(block, flight_.next())) {
      ++heard.bad_sacks;
    } else if (!udx_before(block.begin, flight_.first())) {
      flight_.sack(block, deliver);
    }  // else it is of an older acknowledgement
  }
  rack_.note_untold(packet, flight_);
  heard.progress = round.packets > 0;
  if (heard.progress) finish_round(now, round);
  refresh(now);
  return heard;
}

void UdxSender::on_delivered(TimePoint now, UdxSeq seq, const UdxSent& packet, Round& round) {
  ++round.packets;
  round.bytes += packet.weight();
  bytes_delivered_ += packet.piece.length;
  rate_.on_delivered(now, packet.mark, packet.weight());
  if (packet.state == UdxSent::State::overdue) {
    round.late += packet.weight();
    rate_.set_late();
  }
  rack_.on_delivered(now, seq, packet, rtt_);
  const bool once = packet.transmissions == 1;
  if (once && !rack_.is_untold(seq) && (!round.sent || *round.sent < packet.mark.sent))
    round.sent = packet.mark.sent;
  if (once && packet.padding > 0) {
    mtu_.on_probe_delivered(now, packet.piece.length + std::size_t{packet.padding});
  } else {
    mtu_.on_delivered(packet.piece.length);
  }
}

void UdxSender::finish_round(TimePoint now, const Round& round) {
  std::optional<Duration> rtt;
  if (round.sent) rtt = now - *round.sent;
  if (rtt) rtt_.sample(now, *rtt);
  timer_.on_progress(now, rtt.has_value());
  if (rtt) probe_wanted_ = false;
  if (recovery_end_ && !udx_before(flight_.first(), *recovery_end_)) {
    recovery_end_.reset();
    rack_.on_recovery_end();
  }
  if (fragment_end_ && !udx_before(flight_.first(), *fragment_end_)) fragment_end_.reset();
  rack_.detect(now, flight_, rtt_, recovery_end_.has_value(), lost_);
  congestion_->set_packet_size(mtu_.payload());
  congestion_->on_ack(now, {.delivered = round.bytes,
                            .late = round.late,
                            .lost = count_lost(),
                            .in_flight = flight_.bytes_out(),
                            .rtt = rtt,
                            .rate = rate_.take_sample(now, rtt_.min_rtt())});
  if (flight_.empty()) {
    queue_.release_cut();
  } else {
    queue_.release_before(flight_.at(flight_.first()).piece);
  }
}

// Of what was just found to be lost: bytes that tell of congestion. A lost MTU probe does not.
std::size_t UdxSender::count_lost() {
  std::size_t bytes = 0;
  for (const auto seq : lost_) {
    const auto& packet = flight_.at(seq);
    if (packet.padding == 0 || packet.transmissions > 1) bytes += packet.weight();
  }
  if (bytes > 0 && !recovery_end_) recovery_end_ = flight_.next();
  lost_.clear();
  return bytes;
}

// --- timers

bool UdxSender::handle_timeout(TimePoint now) {
  if (rack_.deadline() && *rack_.deadline() <= now) {
    rack_.detect(now, flight_, rtt_, recovery_end_.has_value(), lost_);
    const auto bytes = count_lost();
    if (bytes > 0) congestion_->on_lost(now, bytes, flight_.bytes_out());
  }
  window_.handle_timeout(now, rtt_.rto());
  switch (timer_.take_due(now, flight_, rtt_)) {
    case UdxRepeatTimer::Due::nothing:
      return true;
    case UdxRepeatTimer::Due::probe:
      probe_wanted_ = true;
      return true;
    case UdxRepeatTimer::Due::repeat:
      if (flight_.at(flight_.first()).state == UdxSent::State::out) flight_.lose(flight_.first());
      return true;
    case UdxRepeatTimer::Due::rto:
      return handle_rto(now);
    case UdxRepeatTimer::Due::death:
      return false;
  }
  return true;
}

bool UdxSender::handle_rto(TimePoint now) {
  const auto& first = flight_.at(flight_.first());
  const auto size = first.piece.length + std::size_t{first.transmissions == 1 ? first.padding : 0u};
  rack_.detect_on_rto(now, flight_, rtt_, lost_);
  const auto bytes = count_lost();
  if (bytes > 0) congestion_->on_lost(now, bytes, flight_.bytes_out());
  congestion_->on_rto(now, flight_.bytes_out());
  const auto verdict = mtu_.on_rto(now, size);
  if (verdict == UdxMtuSearch::Verdict::shrink) {
    fragment_end_ = flight_.next();
    congestion_->set_packet_size(mtu_.payload());
  }
  return verdict != UdxMtuSearch::Verdict::close;
}

std::optional<TimePoint> UdxSender::next_timeout(TimePoint now) const {
  Earliest next;
  next.consider(rack_.deadline());
  next.consider(timer_.deadline(flight_, rtt_));
  next.consider(window_.deadline());
  const auto rate = congestion_->pacing_rate();
  const bool paced = pacer_.allowance(now, rate, mtu_.payload()) == 0;
  if (paced && next_packet()) next.consider(pacer_.next(rate));
  return next.get();
}

void UdxSender::refresh(TimePoint now) {
  const bool blocked = flight_.empty() && has_fresh() && !window_.has_room(0, 1);
  window_.set_blocked(now, blocked, rtt_.rto());
}

// --- packets out

bool UdxSender::can_send(TimePoint now) const {
  if (!next_packet()) return false;
  return probe_wanted_ || pacer_.allowance(now, congestion_->pacing_rate(), mtu_.payload()) > 0;
}

// Lost packets first, lowest number first, then new data (udx.md 6.4). A tail loss probe is not
// held by the congestion window.
std::optional<UdxSender::Next> UdxSender::next_packet() const {
  const bool room = flight_.packets_out() == 0 || probe_wanted_ ||
                    flight_.bytes_out() < std::min(congestion_->window(), kMaxUdxFlight);
  if (!room) return std::nullopt;
  if (flight_.packets_lost() > 0) return repeat_of(flight_.lowest_lost());
  const auto length = std::min(queue_.queued(), mtu_.payload());
  if (has_fresh() && window_.has_room(flight_.bytes(), length)) return Next{.length = length};
  if (probe_wanted_ && flight_.packets_out() > 0) return repeat_of(flight_.highest_out());
  return std::nullopt;
}

UdxSender::Next UdxSender::repeat_of(UdxSeq seq) const {
  const std::size_t length = flight_.at(seq).piece.length;
  const bool oversized = length > kUdxBasePayload;
  const bool may_fragment = oversized && fragment_end_ && udx_before(seq, *fragment_end_);
  return {.repeat = true, .seq = seq, .length = length, .may_fragment = may_fragment};
}

UdxBurst UdxSender::take_burst(TimePoint now, const UdxHeader& header) {
  const auto rate = congestion_->pacing_rate();
  const auto allowance = pacer_.allowance(now, rate, mtu_.payload());
  UdxBurst burst;
  std::size_t sent = 0;
  bool is_full = true;
  while (is_full && (sent < allowance || probe_wanted_)) {
    const auto next = next_packet();
    if (!next || !fits(burst, *next)) break;
    if (burst.packets == 0) {
      const auto expected =
          next->repeat ? 1 : 1 + std::min(queue_.queued(), allowance) / mtu_.payload();
      burst.bytes.reserve(std::min(kMaxBurstPackets, expected) * (kUdxHeaderSize + next->length) +
                          kMaxUdxPadding);
    }
    const auto before = burst.bytes.size();
    if (next->repeat) {
      emit_repeat(now, *next, header, burst);
    } else {
      emit_fresh(now, *next, header, burst);
    }
    probe_wanted_ = false;
    ++burst.packets;
    sent += next->length;
    const auto size = burst.bytes.size() - before;
    if (before == 0) burst.segment = size;
    // What follows a shorter one, or a probe of the path, leaves with the next system call.
    is_full = size == burst.segment && size == kUdxHeaderSize + next->length;
  }
  pacer_.on_sent(now, rate, sent);
  if (!has_fresh() && flight_.packets_lost() == 0) rate_.set_app_limited(flight_.bytes_out());
  return burst;
}

bool UdxSender::fits(const UdxBurst& burst, const Next& next) const {
  if (burst.packets == 0) return true;
  const auto size = kUdxHeaderSize + next.length;
  return size <= burst.segment && next.repeat == burst.repeats &&
         next.may_fragment == burst.may_fragment && burst.packets < kMaxBurstPackets &&
         burst.bytes.size() + size + kMaxUdxPadding <= kMaxBurstBytes;
}

void UdxSender::emit_repeat(TimePoint now, const Next& next, UdxHeader header, UdxBurst& burst) {
  const auto& packet = flight_.at(next.seq);
  // A probe of the path is repeated without its padding: this size did not pass.
  if (packet.padding > 0 && packet.transmissions == 1)
    mtu_.on_probe_lost(now, packet.piece.length + std::size_t{packet.padding});
  timer_.on_sent(now, false);
  const auto in_flight = flight_.bytes_out();
  flight_.resend(next.seq, rate_.on_sent(now, in_flight));
  congestion_->on_sent(now, packet.weight(), in_flight);
  ++retransmits_;
  header.type = type_of(packet.piece, packet.end);
  header.seq = next.seq;
  append_udx_header(burst.bytes, header);
  queue_.copy(packet.piece, burst.bytes);
  burst.repeats = true;
  burst.may_fragment = next.may_fragment;
}

void UdxSender::emit_fresh(TimePoint now, const Next& next, UdxHeader header, UdxBurst& burst) {
  const bool alone = flight_.empty();
  const auto in_flight = flight_.bytes_out();
  UdxSent packet;
  packet.piece = queue_.cut(next.length);
  packet.end = end_wanted_ && queue_.queued() == 0;
  // A probe leaves alone: if the path does not carry it, nothing else is lost with it.
  const bool full = next.length == mtu_.payload();
  const auto probe = full && burst.packets == 0 ? mtu_.probe(now) : std::nullopt;
  if (probe) {
    packet.padding = static_cast<std::uint8_t>(*probe - next.length);
    mtu_.on_probe_sent(*probe);
  }
  packet.mark = rate_.on_sent(now, in_flight);
  end_sent_ = end_sent_ || packet.end;
  header.type = type_of(packet.piece, packet.end);
  header.offset = packet.padding;
  header.seq = flight_.next();
  flight_.push(packet);
  congestion_->on_sent(now, packet.weight(), in_flight);
  timer_.on_sent(now, alone);
  append_udx_header(burst.bytes, header);
  burst.bytes.resize(burst.bytes.size() + packet.padding);
  queue_.copy(packet.piece, burst.bytes);
}

}  // namespace cip::overlay
