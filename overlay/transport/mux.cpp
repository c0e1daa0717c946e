#include "overlay/transport/mux.hpp"

#include <utility>

#include "base/assert.hpp"
#include "base/codec.hpp"

namespace cip::overlay {
namespace {

// Control types on channel 0; frozen.
enum Control : std::uint64_t { kBatch = 0, kOpen = 1, kReject = 2, kClose = 3 };

// What a waiting message costs besides its bytes.
constexpr std::size_t kWaitingOverhead = 512;

std::string pair_key(std::string_view protocol, ByteView id) {
  std::string key(protocol);
  key.push_back('\0');
  key.append(text_of(id));
  return key;
}

}  // namespace

Mux::Mux(FrameSink& out, std::vector<Alias> aliases) : out_(out), aliases_(std::move(aliases)) {}

// --- frames in

Result<void> Mux::handle_frame(ByteView frame) {
  if (events_.empty()) {
    retired_pairs_.clear();
    retired_bytes_.clear();
  }
  if (frame.empty()) return {};
  Reader in(frame);
  const auto channel = in.uint();
  if (!in.ok()) return fail(StreamErrc::malformed_message);
  return handle_item(channel, in.rest(), false);
}

// `rest` is type and payload.
Result<void> Mux::handle_item(std::uint64_t channel, ByteView rest, bool in_batch) {
  Reader in(rest);
  const auto type = in.uint();
  if (!in.ok()) return fail(StreamErrc::malformed_message);
  if (channel == 0) return handle_control(type, in.rest(), in_batch);
  if (channel > remotes_.size()) return {};  // closed or rejected, or never there
  auto& from = remote(static_cast<std::uint32_t>(channel));
  if (from.state == Remote::State::unused) return {};
  if (type > UINT32_MAX) return {};  // above what any protocol defines
  if (from.state == Remote::State::requested) return keep(from, type, in.rest());
  const ChannelMessage message{from.local, static_cast<std::uint32_t>(type), in.rest()};
  events_.push_back({message, local(from.local).generation});
  return {};
}

Result<void> Mux::handle_control(std::uint64_t type, ByteView rest, bool in_batch) {
  switch (type) {
    case kBatch:
      // No sender puts a batch into a batch, and it could nest without end.
      if (in_batch) return fail(StreamErrc::malformed_message);
      return handle_batch(rest);
    case kOpen:
      return handle_open(rest);
    case kReject:
      return handle_reject(rest);
    case kClose:
      return handle_close(rest);
    default:
      return {};
  }
}

Result<void> Mux::handle_batch(ByteView rest) {
  Reader in(rest);
  auto channel = in.uint();
  while (in.ok() && in.remaining() > 0) {
    const auto size = in.uint();
    if (in.ok() && size == 0) {
      channel = in.uint();
      continue;
    }
    const auto item = in.take(size);
    if (!in.ok()) break;
    if (auto done = handle_item(channel, item, true); !done) return done;
  }
  if (!in.ok()) return fail(StreamErrc::malformed_message);
  return {};
}

Result<void> Mux::handle_open(ByteView rest) {
  Reader in(rest);
  const auto number = in.uint();
  const auto protocol = text_of(in.buffer());
  const auto id = in.buffer();
  if (!in.ok()) return fail(StreamErrc::malformed_message);
  if (number == 0) {
    send_control(kReject, 0);
    return {};
  }
  // Rejected numbers are used again, so nobody needs many more than there can be channels.
  if (number > remotes_.size() + 1 || number > 2 * kMaxChannels) {
    return fail(StreamErrc::bad_channel_number);
  }
  const auto slot = static_cast<std::uint32_t>(number);
  if (slot == remotes_.size() + 1) remotes_.emplace_back();
  if (remote(slot).state != Remote::State::unused) return fail(StreamErrc::bad_channel_number);
  if (slot > kMaxChannels || protocol.size() > kMaxProtocolName || id.size() > kMaxChannelIdSize) {
    send_control(kReject, slot);
    return {};
  }
  const auto pair = pair_of(protocol, id);
  auto& outgoing = pair->second.outgoing;
  if (outgoing.empty()) return request(slot, pair, in.rest());
  const auto own = outgoing.front();
  outgoing.pop_front();
  if (local(own).state == Local::State::reserved) {
    free_number(own);  // closed before this answer: both sides forget it
  } else {
    match(own, slot, in.rest());
  }
  return {};
}

// An open that waits for the owner's decision.
Result<void> Mux::request(std::uint32_t number, Pairs::iterator pair, ByteView handshake) {
  auto& from = remote(number);
  from.state = Remote::State::requested;
  from.pair = pair;
  ++pair->second.users;
  from.kept = to_bytes(handshake);
  from.handshake_size = handshake.size();
  undecided_ += handshake.size() + kWaitingOverhead;
  pair->second.incoming.push_back(number);
  const ChannelRequested event{number, pair->second.protocol, pair->second.id, handshake};
  events_.push_back({event, from.generation});
  if (undecided_ > kMaxUndecided) return fail(StreamErrc::too_much_buffered);
  return {};
}

Result<void> Mux::keep(Remote& from, std::uint64_t type, ByteView payload) {
  undecided_ += payload.size() + kWaitingOverhead;
  if (undecided_ > kMaxUndecided) return fail(StreamErrc::too_much_buffered);
  from.waiting.push_back({static_cast<std::uint32_t>(type), from.kept.size(), payload.size()});
  append(from.kept, payload);
  return {};
}

Result<void> Mux::handle_reject(ByteView rest) {
  Reader in(rest);
  const auto number = in.uint();
  if (!in.ok()) return fail(StreamErrc::malformed_message);
  if (number == 0 || number > locals_.size()) return fail(StreamErrc::bad_channel_number);
  const auto own = static_cast<std::uint32_t>(number);
  auto& slot = local(own);
  const bool reserved = slot.state == Local::State::reserved;
  if (!reserved && slot.state != Local::State::waiting) return fail(StreamErrc::bad_channel_number);
  std::erase(slot.pair->second.outgoing, own);
  if (reserved) {
    free_number(own);
  } else {
    slot.state = Local::State::gone;
    --open_count_;
    events_.push_back({ChannelClosed{own, true}, slot.generation});
  }
  return {};
}

Result<void> Mux::handle_close(ByteView rest) {
  Reader in(rest);
  const auto number = in.uint();
  if (!in.ok()) return fail(StreamErrc::malformed_message);
  if (number == 0 || number > remotes_.size()) return {};
  const auto slot = static_cast<std::uint32_t>(number);
  auto& from = remote(slot);
  if (from.state == Remote::State::requested) {
    // The other side keeps the number until it hears from us.
    reject(slot);
  } else if (from.state == Remote::State::paired) {
    const auto own = from.local;
    forget_remote(slot);
    local(own).state = Local::State::gone;
    --open_count_;
    events_.push_back({ChannelClosed{own, false}, local(own).generation});
  }
  return {};
}

// --- commands

ChannelId Mux::open(std::string_view protocol, ByteView id, ByteView handshake) {
  const auto pair = pair_of(protocol, id);
  const auto own = take_number();
  auto& slot = local(own);
  slot.state = Local::State::waiting;
  slot.pair = pair;
  ++pair->second.users;
  ++open_count_;

  Writer payload(32 + protocol.size() + id.size() + handshake.size());
  payload.uint(own);
  payload.string(pair->second.protocol);
  payload.buffer(id);
  payload.raw(handshake);
  out_.add(0, kOpen, payload.view());

  if (pair->second.incoming.empty()) {
    pair->second.outgoing.push_back(own);
  } else {
    accept(own, pair->second.incoming.front());
  }
  return own;
}

// Matches an own open with the oldest request, and hands up what came for it since.
void Mux::accept(std::uint32_t own, std::uint32_t requested) {
  auto& from = remote(requested);
  from.pair->second.incoming.pop_front();
  release(from.pair);
  undecided_ -= from.kept.size() + kWaitingOverhead * (1 + from.waiting.size());
  const auto waiting = std::exchange(from.waiting, {});
  retired_bytes_.push_back(std::exchange(from.kept, {}));
  const ByteView kept(retired_bytes_.back());
  match(own, requested, kept.first(from.handshake_size));
  for (const auto& message : waiting) {
    const auto payload = kept.subspan(message.offset, message.size);
    events_.push_back({ChannelMessage{own, message.type, payload}, local(own).generation});
  }
}

void Mux::match(std::uint32_t own, std::uint32_t remote_number, ByteView handshake) {
  auto& slot = local(own);
  auto& from = remote(remote_number);
  slot.state = Local::State::open;
  slot.remote = remote_number;
  from.state = Remote::State::paired;
  from.local = own;
  ++from.generation;  // a request event that was not polled is answered
  const auto& pair = slot.pair->second;
  events_.push_back({ChannelOpened{own, pair.protocol, pair.id, handshake}, slot.generation});
}

void Mux::reject(std::uint32_t remote_channel) {
  if (remote_channel == 0 || remote_channel > remotes_.size()) return;
  auto& from = remote(remote_channel);
  if (from.state != Remote::State::requested) return;
  std::erase(from.pair->second.incoming, remote_channel);
  undecided_ -= from.kept.size() + kWaitingOverhead * (1 + from.waiting.size());
  retired_bytes_.push_back(std::exchange(from.kept, {}));
  from.waiting.clear();
  release(from.pair);
  forget_remote(remote_channel);
  send_control(kReject, remote_channel);
}

void Mux::close(ChannelId channel) {
  if (!has_channel(channel)) return;
  auto& slot = local(channel);
  send_control(kClose, channel);
  --open_count_;
  ++slot.generation;  // events that were not polled are void
  if (slot.state == Local::State::open) {
    forget_remote(slot.remote);
    free_number(channel);
  } else {
    slot.state = Local::State::reserved;
  }
}

bool Mux::has_channel(ChannelId channel) const {
  if (channel == 0 || channel > locals_.size()) return false;
  const auto state = locals_[channel - 1].state;
  return state == Local::State::open || state == Local::State::waiting;
}

// --- frames out

void Mux::send(ChannelId channel, std::uint32_t type, ByteView head, ByteView tail) {
  if (has_channel(channel)) out_.add(channel, type, head, tail);
}

void Mux::send_control(std::uint64_t type, std::uint32_t number) {
  out_.add(0, type, UintSequence().uint(number));
}

// --- events

std::optional<MuxEvent> Mux::poll_event() {
  while (!events_.empty()) {
    const auto queued = events_.front();
    events_.pop_front();
    if (!is_current(queued)) continue;
    if (const auto* closed = std::get_if<ChannelClosed>(&queued.event)) {
      ++local(closed->channel).generation;
      free_number(closed->channel);
    }
    return queued.event;
  }
  return std::nullopt;
}

bool Mux::is_current(const Queued& queued) const {
  if (const auto* request = std::get_if<ChannelRequested>(&queued.event)) {
    return remotes_[request->remote_channel - 1].generation == queued.generation;
  }
  const auto channel = std::visit(
      [](const auto& event) -> std::uint32_t {
        if constexpr (requires { event.channel; }) return event.channel;
        return 0;
      },
      queued.event);
  return locals_[channel - 1].generation == queued.generation;
}

// --- slots

Mux::Pairs::iterator Mux::pair_of(std::string_view protocol, ByteView id) {
  for (const auto& alias : aliases_) {
    if (alias.alias == protocol) protocol = alias.protocol;
  }
  const auto [pair, is_new] = pairs_.try_emplace(pair_key(protocol, id));
  if (is_new) {
    pair->second.protocol = protocol;
    pair->second.id = to_bytes(id);
  }
  return pair;
}

// One slot fewer refers to the pair. Views into it may be in the owner's hands until the next
// frame.
void Mux::release(Pairs::iterator pair) {
  if (--pair->second.users == 0) retired_pairs_.push_back(pairs_.extract(pair));
}

std::uint32_t Mux::take_number() {
  if (!free_.empty()) {
    const auto number = free_.back();
    free_.pop_back();
    return number;
  }
  locals_.emplace_back();
  return static_cast<std::uint32_t>(locals_.size());
}

void Mux::free_number(std::uint32_t number) {
  auto& slot = local(number);
  slot.state = Local::State::unused;
  release(slot.pair);
  free_.push_back(number);
}

void Mux::forget_remote(std::uint32_t number) {
  auto& from = remote(number);
  from.state = Remote::State::unused;
  ++from.generation;
}

}  // namespace cip::overlay
