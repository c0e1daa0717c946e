#include "overlay/transport/udx/inbox.hpp"

#include <utility>

#include "base/assert.hpp"

namespace cip::overlay {
namespace {

constexpr std::size_t kUnreadChunk = 16 * 1024;
// Taken over the window, in order: the tail loss probe of stock takes no notice of it. What is
// dropped stock repeats for 13 s, and then it gives the stream up.
constexpr std::size_t kOverWindow = 16 * 1024;

}  // namespace

UdxInbox::UdxInbox(UdxId id, UdxSeq first, UdxShared& shared)
    : id_(id), shared_(shared), receiver_(first) {}

UdxInbox::~UdxInbox() { shared_.room.give_back(accounted_); }

UdxInbox::Answer UdxInbox::take(TimePoint now, const UdxPacket& packet, Duration rtt) {
  const auto seq = packet.header.seq;
  const auto payload = packet.is(kUdxData) ? packet.payload : ByteView();
  const auto place = receiver_.place_of(seq);
  if (place == UdxReceiver::Place::known) return Answer::at_once;
  if (place == UdxReceiver::Place::too_far) {
    ++shared_.counters.dropped_ahead;
    return Answer::none;
  }
  const bool early = place == UdxReceiver::Place::early;
  if ((early || keeps_back()) && !has_room_for(payload.size(), early)) return Answer::none;
  if (packet.is(kUdxEnd)) receiver_.end_at(seq);
  const bool had_gap = receiver_.has_gap();
  if (early) {
    receiver_.keep(seq, payload);
  } else {
    take_in_order(now, payload, rtt);
  }
  account();
  // A probe of the path has padding.
  const bool plain = !early && !had_gap && !packet.is(kUdxEnd) && packet.header.offset == 0;
  return plain ? Answer::usual : Answer::at_once;
}

// The next packet has come, and with it perhaps others that were held.
void UdxInbox::take_in_order(TimePoint now, ByteView payload, Duration rtt) {
  std::size_t bytes = payload.size();
  receiver_.advance();
  if (keeps_back()) {
    keep(payload);
  } else if (!payload.empty()) {
    shared_.events.push_view(id_, payload);
  }
  while (auto next = receiver_.take_next()) {
    bytes += next->size();
    if (keeps_back()) {
      keep(*next);
    } else if (!next->empty()) {
      shared_.events.push_owned(id_, std::move(*next));
    }
  }
  bytes_in_order_ += bytes;
  // What nobody reads is no reason to hold more: without room the budget does not grow.
  window_.on_in_order(now, bytes, rtt, keeps_back() ? 0 : shared_.room.left());
  tell_end();
}

// What is kept must start within the window and find room among that of all streams.
bool UdxInbox::has_room_for(std::size_t bytes, bool early) {
  auto most = open_ ? window_.budget() : shared_.limits.receive_unconnected;
  if (open_ && !early) most += kOverWindow;
  if (held_bytes() >= most) {
    ++shared_.counters.dropped_window;
    return false;
  }
  if (shared_.room.left() < bytes + kUdxHeldOverhead) {
    ++shared_.counters.dropped_total;
    return false;
  }
  return true;
}

// Small ones join: kept one by one they would cost more than the window says.
void UdxInbox::keep(ByteView bytes) {
  if (unread_.empty() || unread_.back().size() + bytes.size() > kUnreadChunk)
    unread_.emplace_back();
  append(unread_.back(), bytes);
  unread_bytes_ += bytes.size();
}

std::size_t UdxInbox::held_cost() const {
  return receiver_.held_cost() + unread_bytes_ + unread_.size() * kUdxHeldOverhead;
}

void UdxInbox::open() {
  open_ = true;
  hand_up();
}

void UdxInbox::hold(bool held) {
  held_ = held;
  hand_up();
}

void UdxInbox::hand_up() {
  if (keeps_back()) return;
  for (auto& bytes : unread_) {
    if (!bytes.empty()) shared_.events.push_owned(id_, std::move(bytes));
  }
  unread_ = {};
  while (auto event = messages_.pop()) shared_.events.push(std::move(*event));
  unread_bytes_ = 0;
  account();
  tell_end();
}

void UdxInbox::tell_end() {
  if (!receiver_.ended() || end_told_ || keeps_back()) return;
  end_told_ = true;
  shared_.events.push(UdxEnded{id_});
}

// Keeps the account of all streams: what is held here grew or shrank.
void UdxInbox::account() {
  const auto cost = held_cost();
  if (cost > accounted_) {
    const bool taken = shared_.room.take(cost - accounted_);
    CIP_ASSERT(taken);
  } else {
    shared_.room.give_back(accounted_ - cost);
  }
  accounted_ = cost;
}

void UdxInbox::take_message(UdxSocket socket, Endpoint from, ByteView payload) {
  UdxEvent event = UdxMessage{id_, socket, from, to_bytes(payload)};
  if (open_) return shared_.events.push(std::move(event));
  if (messages_.size() >= kUdxMessagesKept) {
    ++shared_.counters.dropped_messages;
    messages_.pop();
  }
  messages_.push(std::move(event));
}

}  // namespace cip::overlay
