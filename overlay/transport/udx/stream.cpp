#include "overlay/transport/udx/stream.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/machine.hpp"

namespace cip::overlay {
namespace {

// Of the link, as far as it is known: loopback carries anything that fits a datagram.
constexpr std::size_t kLoopbackMtu = 65536;
constexpr std::size_t kUsualMtu = 1500;

}  // namespace

UdxStream::UdxStream(TimePoint now, UdxId id, UdxFirstNumbers first,
                     std::unique_ptr<UdxCongestion> congestion, UdxShared& shared)
    : id_(id),
      shared_(shared),
      sender_(first.own, std::move(congestion)),
      receiver_(first.others),
      created_(now) {}

UdxStream::~UdxStream() { shared_.room.give_back(accounted_); }

// --- commands

void UdxStream::connect(TimePoint now, const UdxPath& path) {
  if (connected_) return;
  connected_ = true;
  path_ = path;
  sources_.connect(path.to);
  sender_.set_path(now, payload_ceiling());
  settle(now);  // the acknowledgement that may be owed
  hand_up_unread();
}

void UdxStream::change_remote(TimePoint now, const UdxPath& path) {
  if (!connected_ || path == path_) return;
  if (sender_.first_unacknowledged() != sender_.next()) {
    change_end_ = sender_.next();
    repeats_to_ = path_;
  }
  sources_.change(path.to);
  if (!change_end_) sources_.complete_change(now);
  path_ = path;
  sender_.set_path(now, payload_ceiling());
}

void UdxStream::send_message(ByteView message) {
  if (!connected_ || message.size() > kUdxMaxMessage || messages_.size() >= kUdxMessagesKept) {
    ++shared_.counters.dropped_messages;
    if (messages_.size() < kUdxMessagesKept) return;
    messages_.pop();
  }
  messages_.push(to_bytes(message));
}

void UdxStream::hold(TimePoint now, bool keep_back) {
  held_back_ = keep_back;
  hand_up_unread();
  if (connected_ && window_.has_opened(held(), shared_.room.left())) acks_.demand();
  settle(now);
  finish();
}

void UdxStream::set_large_datagrams(bool allowed) {
  large_datagrams_ = allowed;
  if (connected_) sender_.set_ceiling(payload_ceiling());
}

std::size_t UdxStream::payload_ceiling() const {
  const auto link = path_.to.realm() == Realm::loopback ? kLoopbackMtu : kUsualMtu;
  return udx_payload_ceiling(link, large_datagrams_);
}

// --- packets in, in the order of udx.md 5.1

void UdxStream::handle_packet(TimePoint now, UdxSocket socket, Endpoint from,
                              const UdxPacket& packet) {
  if (!sources_.accepts(now, from)) {
    ++shared_.counters.dropped_source;
    return;
  }
  ++packets_in_;
  if (!connected_) knock(socket, from);
  if (packet.is(kUdxHeartbeat)) {
    if (connected_) acks_.demand();  // nothing else of it is used
  } else if (packet.overrun) {
    ++shared_.counters.dropped_malformed;
  } else {
    handle_content(now, socket, from, packet);
  }
}

void UdxStream::knock(UdxSocket socket, Endpoint from) {
  if (knocks_ == kUdxKnocks || (knocks_ > 0 && knocked_ == from && knocked_socket_ == socket))
    return;
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
    const auto answer = take_data(now, packet);
    if (answer != Answer::none) sources_.learn(from);
    if (believed && answer != Answer::none)
      acks_.on_packet(now, packet.payload.size(), answer == Answer::at_once);
  }
  if (packet.is(kUdxDestroy)) handle_destroy(packet.header.seq);
  if (packet.is(kUdxMessage)) take_message(socket, from, packet.payload);
  if (believed) {
    handle_ack(now, packet);
  } else {
    ++shared_.counters.ignored_acks;
  }
  finish();
}

UdxStream::Answer UdxStream::take_data(TimePoint now, const UdxPacket& packet) {
  const auto seq = packet.header.seq;
  const auto payload = packet.is(kUdxData) ? packet.payload : ByteView();
  const auto place = receiver_.place_of(seq);
  if (place == UdxReceiver::Place::known) return Answer::at_once;
  if (place == UdxReceiver::Place::too_far) {
    ++shared_.counters.dropped_ahead;
    return Answer::none;
  }
  const bool early = place == UdxReceiver::Place::early;
  if ((early || keeps_back()) && !has_room_for(payload.size())) return Answer::none;
  if (packet.is(kUdxEnd)) receiver_.end_at(seq);
  const bool had_gap = receiver_.has_gap();
  if (early) {
    receiver_.keep(seq, payload);
  } else {
    take_in_order(now, payload);
  }
  account();
  // A probe of the path has padding.
  const bool plain = !early && !had_gap && !packet.is(kUdxEnd) && packet.header.offset == 0;
  return plain ? Answer::usual : Answer::at_once;
}

// The next packet has come, and with it perhaps others that were held.
void UdxStream::take_in_order(TimePoint now, ByteView payload) {
  std::size_t bytes = payload.size();
  receiver_.advance();
  if (keeps_back()) {
    keep_unread(to_bytes(payload));
  } else if (!payload.empty()) {
    shared_.events.push_view(id_, payload);
  }
  while (auto held = receiver_.take_next()) {
    bytes += held->size();
    if (keeps_back()) {
      keep_unread(std::move(*held));
    } else if (!held->empty()) {
      shared_.events.push_owned(id_, std::move(*held));
    }
  }
  bytes_in_ += bytes;
  window_.on_in_order(now, bytes, sender_.rtt().srtt(), shared_.room.left());
  tell_end();
}

// What is kept must start within the window and find room among that of all streams.
bool UdxStream::has_room_for(std::size_t bytes) {
  const auto most = connected_ ? window_.budget() : shared_.limits.receive_unconnected;
  if (held() >= most) {
    ++shared_.counters.dropped_window;
    return false;
  }
  if (shared_.room.left() < bytes + kUdxHeldOverhead) {
    ++shared_.counters.dropped_total;
    return false;
  }
  return true;
}

void UdxStream::keep_unread(Bytes bytes) {
  unread_cost_ += bytes.size() + kUdxHeldOverhead;
  unread_.push(std::move(bytes));
}

void UdxStream::hand_up_unread() {
  if (keeps_back()) return;
  while (auto bytes = unread_.pop()) {
    if (!bytes->empty()) shared_.events.push_owned(id_, std::move(*bytes));
  }
  while (auto event = early_messages_.pop()) shared_.events.push(std::move(*event));
  unread_cost_ = 0;
  account();
  tell_end();
}

void UdxStream::tell_end() {
  if (!receiver_.ended() || end_told_ || keeps_back()) return;
  end_told_ = true;
  shared_.events.push(UdxEnded{id_});
}

// Keeps the account of all streams: what is held here grew or shrank.
void UdxStream::account() {
  const auto now_held = held();
  if (now_held > accounted_) {
    const bool taken = shared_.room.take(now_held - accounted_);
    CIP_ASSERT(taken);
  } else {
    shared_.room.give_back(accounted_ - now_held);
  }
  accounted_ = now_held;
}

void UdxStream::handle_destroy(UdxSeq seq) {
  const auto ahead = udx_distance(receiver_.expected(), seq);
  if (ahead >= 0 && ahead < kUdxMaxAhead) {
    closed_ = std::make_error_code(std::errc::connection_reset);
  } else {
    ++shared_.counters.ignored_destroys;
  }
}

void UdxStream::take_message(UdxSocket socket, Endpoint from, ByteView payload) {
  UdxEvent event = UdxMessage{id_, socket, from, to_bytes(payload)};
  if (connected_) return shared_.events.push(std::move(event));
  if (early_messages_.size() >= kUdxMessagesKept) {
    ++shared_.counters.dropped_messages;
    early_messages_.pop();
  }
  early_messages_.push(std::move(event));
}

void UdxStream::handle_ack(TimePoint now, const UdxPacket& packet) {
  const auto heard = sender_.handle_ack(now, packet);
  shared_.counters.ignored_sacks += heard.bad_sacks;
  if (heard.progress) repeats_to_.reset();
  if (change_end_ && !udx_before(sender_.first_unacknowledged(), *change_end_)) {
    change_end_.reset();
    sources_.complete_change(now);
  }
}

void UdxStream::finish() {
  if (!closed_ && sender_.ended() && end_told_) closed_ = std::error_code();
}

// --- timers

void UdxStream::handle_timeout(TimePoint now) {
  const bool alive = connected_ ? sender_.handle_timeout(now) : now < created_ + kUdxConnectTimeout;
  if (!alive) closed_ = std::make_error_code(std::errc::timed_out);
  settle(now);
}

void UdxStream::settle(TimePoint now) { ack_released_ = ack_released_ || acks_.due(now); }

std::optional<TimePoint> UdxStream::next_timeout(TimePoint now) const {
  if (!connected_) return created_ + kUdxConnectTimeout;
  const auto ack = ack_released_ ? std::nullopt : acks_.deadline();
  return earliest({ack, sender_.next_timeout(now)});
}

// --- packets out

UdxHeader UdxStream::header(std::uint8_t type) {
  return {.type = type,
          .stream = path_.remote_id,
          .window = window_.advertise(held(), shared_.room.left()),
          .seq = sender_.next(),
          .ack = receiver_.expected()};
}

bool UdxStream::has_small() const {
  return connected_ &&
         (ack_released_ || !messages_.empty() || !copies_.empty() || sender_.wants_heartbeat());
}

UdxDatagram UdxStream::take_small(TimePoint now) {
  if (ack_released_) {
    const bool carried = !receiver_.has_gap() && sender_.can_send(now);
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
  const auto gaps = receiver_.gaps_above();
  const auto blocks = gaps.first(std::min(gaps.size(), kUdxMaxSackSent));
  Bytes packet;
  packet.reserve(kUdxHeaderSize + blocks.size() * kUdxSackBlockSize);
  append_udx_header(packet, header(blocks.empty() ? 0 : kUdxSack));
  for (const auto& block : blocks) append_udx_sack(packet, block);
  return to_peer(std::move(packet));
}

UdxDatagram UdxStream::take_packet(std::uint8_t type, ByteView payload) {
  Bytes packet;
  packet.reserve(kUdxHeaderSize + payload.size());
  append_udx_header(packet, header(type));
  append(packet, payload);
  return to_peer(std::move(packet));
}

UdxDatagram UdxStream::to_peer(Bytes packet) {
  ++packets_out_;
  const auto size = packet.size();
  return {path_.socket, path_.to, std::move(packet), size};
}

UdxDatagram UdxStream::take_burst(TimePoint now) {
  auto burst = sender_.take_burst(now, header(0));
  packets_out_ += burst.packets;
  if (burst.repeats) shared_.counters.retransmits += burst.packets;
  // What is in order is acknowledged with it; blocks above a gap are not.
  if (!receiver_.has_gap()) {
    acks_.on_sent();
    ack_released_ = false;
  }
  UdxDatagram out{path_.socket, path_.to, std::move(burst.bytes), burst.segment,
                  burst.may_fragment};
  if (burst.repeats && repeats_to_) copy_to_old_path(out);
  return out;
}

// Until something is heard after a change of the remote, repeats go both ways (udx.md 11).
void UdxStream::copy_to_old_path(const UdxDatagram& sent) {
  auto copy = sent;
  copy.socket = repeats_to_->socket;
  copy.to = repeats_to_->to;
  const MutableByteView bytes = copy.bytes;
  for (std::size_t at = 0; at < bytes.size(); at += copy.segment)
    set_udx_stream(bytes.subspan(at), repeats_to_->remote_id);
  copies_.push(std::move(copy));
}

UdxStatus UdxStream::status() const {
  UdxStatus out;
  out.connected = connected_;
  out.path = path_;
  if (sender_.rtt().has_sample()) out.rtt = sender_.rtt().srtt();
  out.mtu = sender_.payload() + kUdxOverhead;
  out.packets_in = packets_in_;
  out.packets_out = packets_out_;
  out.retransmits = sender_.retransmits();
  out.bytes_in = bytes_in_;
  out.bytes_out = sender_.bytes_delivered();
  return out;
}

}  // namespace cip::overlay
