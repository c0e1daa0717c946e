#include "overlay/transport/udx/stream.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/machine.hpp"

namespace cip::overlay {

UdxStream::UdxStream(TimePoint connect_by, UdxId id, UdxFirstNumbers first,
                     std::unique_ptr<UdxCongestion> congestion, UdxShared& shared)
    : id_(id),
      shared_(shared),
      sender_(first.own, std::move(congestion)),
      inbox_(id, first.others, shared),
      connect_by_(connect_by) {}

// --- commands

void UdxStream::connect(TimePoint now, const UdxPath& path) {
  if (is_connected()) return;
  route_.connect(path);
  sender_.set_path(now, route_.payload_ceiling(large_datagrams_));
  settle(now);  // the acknowledgement that may be owed
  inbox_.open();
}

void UdxStream::change_remote(TimePoint now, const UdxPath& path) {
  if (!is_connected() || path == route_.path()) return;
  route_.change(now, path, sender_.first_unacknowledged(), sender_.next());
  sender_.set_path(now, route_.payload_ceiling(large_datagrams_));
}

void UdxStream::send_message(ByteView message) {
  if (!is_connected() || message.size() > kUdxMaxMessage) {
    ++shared_.counters.dropped_messages;
    return;
  }
  if (messages_.size() >= kUdxMessagesKept) {
    ++shared_.counters.dropped_messages;
    messages_.pop();
  }
  messages_.push(to_bytes(message));
}

void UdxStream::hold(TimePoint now, bool held) {
  inbox_.hold(held);
  if (inbox_.has_opened()) acks_.demand();
  settle(now);
  finish();
}

void UdxStream::set_large_datagrams(bool allowed) {
  large_datagrams_ = allowed;
  if (is_connected()) sender_.set_ceiling(route_.payload_ceiling(allowed));
}

// --- packets in, in the order of udx.md 5.1

void UdxStream::handle_packet(TimePoint now, UdxSocket socket, Endpoint from,
                              const UdxPacket& packet) {
  if (!route_.sources().accepts(now, from)) {
    ++shared_.counters.dropped_source;
    return;
  }
  ++packets_in_;
  if (!is_connected()) knock(socket, from);
  if (packet.is(kUdxHeartbeat)) {
    if (is_connected()) acks_.demand();  // nothing else of it is used
  } else if (packet.overrun) {
    ++shared_.counters.dropped_malformed;
  } else {
    handle_content(now, socket, from, packet);
  }
}

void UdxStream::knock(UdxSocket socket, Endpoint from) {
  const bool same = knocks_ > 0 && knocked_ == from && knocked_socket_ == socket;
  if (same || knocks_ == kUdxKnocks) return;
  ++knocks_;
  knocked_ = from;
  knocked_socket_ = socket;
  shared_.events.push(UdxKnocked{id_, socket, from});
}

void UdxStream::handle_content(TimePoint now, UdxSocket socket, Endpoint from,
                               const UdxPacket& packet) {
  // Two broken peers must not answer one another for ever: what acknowledges packets that were
  // never sent is taken, and draws nothing.
  const bool believed = !udx_before(sender_.next(), packet.header.ack);
  if (packet.is(kUdxData | kUdxEnd)) {
    const auto answer = inbox_.take(now, packet, sender_.rtt().srtt());
    if (answer != UdxInbox::Answer::none) {
      route_.sources().learn(from);
      if (believed)
        acks_.on_packet(now, packet.payload.size(), answer == UdxInbox::Answer::at_once);
    }
  }
  if (packet.is(kUdxDestroy)) handle_destroy(packet.header.seq);
  if (packet.is(kUdxMessage)) inbox_.take_message(socket, from, packet.payload);
  if (believed) {
    const auto heard = sender_.handle_ack(now, packet);
    shared_.counters.ignored_sacks += heard.bad_sacks;
    route_.on_ack(now, heard.progress, sender_.first_unacknowledged());
  } else {
    ++shared_.counters.ignored_acks;
  }
  finish();
}

// One far ahead of any number that could be in flight is forged.
void UdxStream::handle_destroy(UdxSeq seq) {
  const auto ahead = udx_distance(inbox_.receiver().expected(), seq);
  if (ahead >= 0 && ahead < kUdxMaxAhead) {
    closed_ = std::make_error_code(std::errc::connection_reset);
  } else {
    ++shared_.counters.ignored_destroys;
  }
}

void UdxStream::finish() {
  if (!closed_ && sender_.ended() && inbox_.ended()) closed_ = std::error_code();
}

// --- timers

void UdxStream::handle_timeout(TimePoint now) {
  const bool alive = is_connected() ? sender_.handle_timeout(now) : now < connect_by_;
  if (!alive) closed_ = std::make_error_code(std::errc::timed_out);
  settle(now);
}

void UdxStream::settle(TimePoint now) { ack_released_ = ack_released_ || acks_.due(now); }

std::optional<TimePoint> UdxStream::next_timeout(TimePoint now) const {
  if (!is_connected()) return connect_by_;
  const auto ack = ack_released_ ? std::nullopt : acks_.deadline();
  return earliest({ack, sender_.next_timeout(now)});
}

// --- packets out

UdxHeader UdxStream::header(std::uint8_t type) {
  return {.type = type,
          .stream = route_.path().remote_id,
          .window = inbox_.window(),
          .seq = sender_.next(),
          .ack = inbox_.receiver().expected()};
}

bool UdxStream::has_small() const {
  return is_connected() &&
         (ack_released_ || !messages_.empty() || !copies_.empty() || sender_.wants_heartbeat());
}

UdxDatagram UdxStream::take_small(TimePoint now) {
  if (ack_released_) {
    const bool carried = !inbox_.receiver().has_gap() && sender_.can_send(now);
    return carried ? take_burst(now) : take_ack();
  }
  if (sender_.take_heartbeat()) return take_packet(kUdxHeartbeat, {});
  if (auto copy = copies_.pop()) return std::move(*copy);
  auto message = messages_.pop();
  CIP_ASSERT(message.has_value());
  return take_packet(kUdxMessage, *message);
}

UdxDatagram UdxStream::take_ack() {
  acks_.on_sent();
  ack_released_ = false;
  const auto gaps = inbox_.receiver().gaps_above();
  const auto blocks = gaps.first(std::min(gaps.size(), kUdxMaxSackSent));
  Bytes area;
  area.reserve(blocks.size() * kUdxSackBlockSize);
  for (const auto& block : blocks) append_udx_sack(area, block);
  return take_packet(blocks.empty() ? 0 : kUdxSack, area);
}

UdxDatagram UdxStream::take_packet(std::uint8_t type, ByteView payload) {
  Bytes packet;
  packet.reserve(kUdxHeaderSize + payload.size());
  append_udx_header(packet, header(type));
  append(packet, payload);
  ++packets_out_;
  const auto size = packet.size();
  return route_.datagram(std::move(packet), size);
}

UdxDatagram UdxStream::take_burst(TimePoint now) {
  auto burst = sender_.take_burst(now, header(0));
  packets_out_ += burst.packets;
  if (burst.repeats) shared_.counters.retransmits += burst.packets;
  // What is in order is acknowledged with it; blocks above a gap are not.
  if (!inbox_.receiver().has_gap()) {
    acks_.on_sent();
    ack_released_ = false;
  }
  auto out = route_.datagram(std::move(burst.bytes), burst.segment, burst.may_fragment);
  if (burst.repeats) {
    if (auto copy = route_.copy_for_old_path(out)) copies_.push(std::move(*copy));
  }
  return out;
}

UdxStatus UdxStream::status() const {
  UdxStatus out;
  out.connected = is_connected();
  out.path = route_.path();
  if (sender_.rtt().has_sample()) out.rtt = sender_.rtt().srtt();
  out.mtu = sender_.payload() + kUdxOverhead;
  out.packets_in = packets_in_;
  out.packets_out = packets_out_;
  out.retransmits = sender_.retransmits();
  out.bytes_in = inbox_.bytes_in_order();
  out.bytes_out = sender_.bytes_delivered();
  return out;
}

}  // namespace cip::overlay
