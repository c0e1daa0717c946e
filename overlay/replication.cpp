#include "overlay/replication.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "overlay/errors.hpp"
#include "overlay/transport/errors.hpp"
#include "overlay/transport/role.hpp"

namespace cip::overlay {
namespace {

// Turns of the inner loop between a replicator and its feed. Each ends by itself once nothing new
// came of it; the bound guards against two machines that keep each other busy.
constexpr int kMaxRounds = 64;

}  // namespace

struct Replication::Slot {
  Slot(store::Feed taken, FeedSharing shared, Streams& streams, FetchBudget& budget)
      : feed(std::move(taken)), sharing(shared), replicator(feed, streams, budget) {}

  store::Feed feed;
  FeedSharing sharing;
  Replicator replicator;
  bool touched = false;
  std::optional<TimePoint> timer;

  // Channels are answered.
  bool is_open_to_others() const {
    return !feed.is_frozen() && (sharing.serve || replicator.is_downloading());
  }
};

// A channel for a feed; the peer is 0 until both sides have opened.
struct Replication::Session {
  Slot* slot = nullptr;
  PeerNumber peer = 0;
  bool ours = false;  // we opened first
};

struct Replication::Stream {
  StreamInfo info;
  std::map<ChannelId, Session> sessions;
  std::map<store::FeedNumber, unsigned> reopened;

  Role role() const { return info.initiator ? Role::initiator : Role::responder; }
  bool has(const Slot& slot) const {
    return std::any_of(sessions.begin(), sessions.end(),
                       [&](const auto& item) { return item.second.slot == &slot; });
  }
};

Replication::Replication(Streams& streams, std::size_t fetch_ahead)
    : streams_(streams), budget_(fetch_ahead) {}
Replication::~Replication() = default;

// --- Feeds -----------------------------------------------------------------------------------

store::Feed& Replication::add_feed(store::Feed feed, FeedSharing sharing) {
  const auto number = feed.number();
  const auto key = feed.key();
  CIP_ASSERT(!slots_.contains(number));
  CIP_ASSERT(!by_key_.contains(key));
  auto slot = std::make_unique<Slot>(std::move(feed), sharing, streams_, budget_);
  auto& added = *slots_.emplace(number, std::move(slot)).first->second;
  by_key_.emplace(key, &added);
  by_discovery_key_.emplace(discovery_key(key), &added);
  added.replicator.set_keep_open(sharing.keep_open);
  added.feed.allow_forks(sharing.follow_forks);
  added.replicator.set_heal(sharing.heal);
  added.replicator.set_accept_push(sharing.accept_push);
  touch(added);
  return added.feed;
}

void Replication::remove_feed(Now now, store::FeedNumber number) {
  auto* slot = find(number);
  if (slot == nullptr) return;
  for (auto& [conn, stream] : open_streams_) {
    std::vector<ChannelId> channels;
    for (const auto& [channel, session] : stream->sessions) {
      if (session.slot == slot) channels.push_back(channel);
    }
    for (const auto channel : channels) {
      streams_.close_channel(conn, channel);
      end_session(now, *stream, channel);
    }
  }
  if (slot->timer) timers_.erase({*slot->timer, number});
  std::erase(touched_, slot);
  std::erase_if(ops_, [&](const auto& op) { return op.feed() == number; });
  by_key_.erase(slot->feed.key());
  by_discovery_key_.erase(slot->feed.discovery_key());
  slots_.erase(number);
}

void Replication::set_sharing(Now, store::FeedNumber number, FeedSharing sharing) {
  auto* slot = find(number);
  if (slot == nullptr) return;
  slot->sharing = sharing;
  slot->replicator.set_keep_open(sharing.keep_open);
  slot->feed.allow_forks(sharing.follow_forks);
  slot->replicator.set_heal(sharing.heal);
  slot->replicator.set_accept_push(sharing.accept_push);
  touch(*slot);
}

FeedSharing Replication::sharing(store::FeedNumber number) const {
  const auto* slot = find(number);
  return slot != nullptr ? slot->sharing : FeedSharing{};
}

store::Feed* Replication::feed(store::FeedNumber number) {
  auto* slot = find(number);
  if (slot == nullptr) return nullptr;
  touch(*slot);
  return &slot->feed;
}

store::Feed* Replication::feed_by_key(const Bytes32& key) {
  const auto found = by_key_.find(key);
  return found != by_key_.end() ? feed(found->second->feed.number()) : nullptr;
}

const store::Feed* Replication::find_feed(store::FeedNumber number) const {
  const auto* slot = find(number);
  return slot != nullptr ? &slot->feed : nullptr;
}

std::vector<store::FeedNumber> Replication::feeds() const {
  std::vector<store::FeedNumber> out;
  for (const auto& [number, slot] : slots_) out.push_back(number);
  return out;
}

Replication::Slot* Replication::find(store::FeedNumber number) const {
  const auto found = slots_.find(number);
  return found != slots_.end() ? found->second.get() : nullptr;
}

Replication::Slot* Replication::find_by_discovery_key(ByteView key) const {
  if (key.size() != 32) return nullptr;
  const auto found = by_discovery_key_.find(first_bytes<32>(key));
  return found != by_discovery_key_.end() ? found->second : nullptr;
}

void Replication::touch(Slot& slot) {
  if (std::exchange(slot.touched, true)) return;
  touched_.push_back(&slot);
}

// --- Exchange --------------------------------------------------------------------------------

DownloadId Replication::download(Now now, store::FeedNumber number, DownloadOptions options) {
  auto* slot = find(number);
  if (slot == nullptr) return 0;
  touch(*slot);
  return slot->replicator.download(now, options);
}

void Replication::cancel_download(Now now, store::FeedNumber number, DownloadId id) {
  auto* slot = find(number);
  if (slot == nullptr) return;
  touch(*slot);
  slot->replicator.cancel(now, id);
}

void Replication::note_all_asked(store::FeedNumber number, DownloadId id) {
  auto* slot = find(number);
  if (slot == nullptr) return;
  touch(*slot);
  slot->replicator.note_all_asked(id);
}

Result<void> Replication::clear(Now now, store::FeedNumber number, std::uint64_t start,
                                std::uint64_t end) {
  auto* slot = find(number);
  if (slot == nullptr) return fail(store::Errc::not_found);
  touch(*slot);
  auto cleared = slot->feed.clear(start, end);
  if (cleared) slot->replicator.note_cleared(now, start, end);
  return cleared;
}

SeekId Replication::seek(store::FeedNumber number, std::uint64_t offset, std::uint64_t padding) {
  auto* slot = find(number);
  if (slot == nullptr) return 0;
  touch(*slot);
  return slot->replicator.seek(offset, padding);
}

void Replication::cancel_seek(store::FeedNumber number, SeekId id) {
  if (auto* slot = find(number)) slot->replicator.cancel_seek(id);
}

bool Replication::send_extension(store::FeedNumber number, ConnId conn, std::string_view name,
                                 ByteView payload) {
  auto* slot = find(number);
  if (slot == nullptr) return false;
  touch(*slot);
  return slot->replicator.send_extension(conn, name, payload);
}

void Replication::expose_extensions(store::FeedNumber number, bool exposed) {
  if (auto* slot = find(number)) slot->replicator.set_extensions(exposed);
}

void Replication::open(Now, ConnId conn, store::FeedNumber number) {
  const auto stream = open_streams_.find(conn);
  auto* slot = find(number);
  if (stream == open_streams_.end() || slot == nullptr || slot->feed.is_frozen()) return;
  if (!stream->second->has(*slot)) open_session(*stream->second, *slot);
}

std::vector<ReplicatorPeerInfo> Replication::peers(store::FeedNumber number) const {
  const auto* slot = find(number);
  return slot != nullptr ? slot->replicator.peers() : std::vector<ReplicatorPeerInfo>{};
}

std::optional<DownloadState> Replication::state_of(store::FeedNumber number, DownloadId id,
                                                   std::uint64_t from) const {
  const auto* slot = find(number);
  return slot != nullptr ? slot->replicator.state_of(id, from) : std::nullopt;
}

ReplicationCounters Replication::counters(store::FeedNumber number) const {
  const auto* slot = find(number);
  return slot != nullptr ? slot->replicator.counters() : ReplicationCounters{};
}

bool Replication::is_downloading(store::FeedNumber number) const {
  const auto* slot = find(number);
  return slot != nullptr && slot->replicator.is_downloading();
}

std::vector<store::FeedNumber> Replication::feeds_on(ConnId conn) const {
  std::vector<store::FeedNumber> out;
  const auto stream = open_streams_.find(conn);
  if (stream == open_streams_.end()) return out;
  for (const auto& [channel, session] : stream->second->sessions) {
    if (session.peer != 0) out.push_back(session.slot->feed.number());
  }
  return out;
}

// --- Storage and time ------------------------------------------------------------------------

std::optional<store::StoreOp> Replication::poll_store_op() {
  if (ops_.empty()) return std::nullopt;
  auto op = std::move(ops_.front());
  ops_.pop_front();
  return op;
}

void Replication::handle_store_done(Now, store::FeedNumber number, store::StoreOpId id,
                                    store::StoreResult result) {
  auto* slot = find(number);
  if (slot == nullptr) return;
  slot->feed.handle_store_done(id, std::move(result));
  slot->replicator.note_room();
  touch(*slot);
}

void Replication::handle_timeout(Now now) {
  while (!timers_.empty() && timers_.begin()->first <= now.mono) {
    auto* slot = find(timers_.begin()->second);
    timers_.erase(timers_.begin());
    if (slot == nullptr) continue;
    slot->timer.reset();
    slot->replicator.handle_timeout(now);
    touch(*slot);
  }
}

std::optional<TimePoint> Replication::next_timeout() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

std::optional<FeedNews> Replication::poll_event() { return news_.pop(); }

void Replication::turn_ended(Now now) {
  // Settling one feed may touch another (observers); those come in the same turn.
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    touched_[i]->touched = false;
    settle(now, *touched_[i]);
  }
  touched_.clear();
}

// Runs a feed and its replicator until neither has more to say.
void Replication::settle(Now now, Slot& slot) {
  for (int round = 0; round < kMaxRounds; ++round) {
    slot.replicator.flush(now);
    while (auto op = slot.feed.poll_store_op()) ops_.push_back(std::move(*op));
    bool any = false;
    while (auto event = slot.feed.poll_event()) {
      any = true;
      take_event(now, slot, std::move(*event));
    }
    while (auto event = slot.replicator.poll_event()) news(slot, std::move(*event));
    if (!any) break;
  }
  const auto next = slot.replicator.next_timeout();
  if (next == slot.timer) return;
  const auto number = slot.feed.number();
  if (slot.timer) timers_.erase({*slot.timer, number});
  if (next) timers_.insert({*next, number});
  slot.timer = next;
}

void Replication::take_event(Now now, Slot& slot, store::FeedEvent event) {
  for (auto* observer : observers_) {
    if (observer->handle_feed_event(now, slot.feed, event)) return;
  }
  if (!slot.replicator.handle_feed_event(now, event)) news(slot, std::move(event));
}

void Replication::news(const Slot& slot, decltype(FeedNews::what) what) {
  news_.push({slot.feed.number(), std::move(what)});
}

// --- Streams and channels --------------------------------------------------------------------

void Replication::stream_opened(Now, const StreamInfo& stream) {
  auto opened = std::make_unique<Stream>();
  opened->info = stream;
  open_streams_.emplace(stream.conn, std::move(opened));
}

void Replication::stream_closed(Now now, ConnId conn) {
  const auto found = open_streams_.find(conn);
  if (found == open_streams_.end()) return;
  while (!found->second->sessions.empty()) {
    end_session(now, *found->second, found->second->sessions.begin()->first);
  }
  open_streams_.erase(found);
}

void Replication::open_session(Stream& stream, Slot& slot) {
  const FeedHandshake handshake{
      true, feed_capability(stream.info.handshake_hash, slot.feed.key(), stream.role())};
  const auto id = slot.feed.discovery_key();
  const auto channel =
      streams_.open_channel(stream.info.conn, kFeedProtocol, id, encode_feed_handshake(handshake));
  if (channel != 0) stream.sessions[channel] = {&slot, 0, true};
}

bool Replication::check_capability(const Stream& stream, const Slot& slot, ByteView handshake) {
  const auto message = decode_feed_handshake(handshake);
  const auto expected =
      feed_capability(stream.info.handshake_hash, slot.feed.key(), other(stream.role()));
  if (message && equal_secret(message->capability, expected)) return true;
  streams_.destroy(stream.info.conn, "wrong feed capability",
                   make_error_code(Errc::wrong_capability));
  return false;
}

void Replication::channel_requested(Now, ConnId conn, ChannelId remote_channel, ByteView id,
                                    ByteView handshake) {
  const auto found = open_streams_.find(conn);
  if (found == open_streams_.end()) return;
  auto& stream = *found->second;
  auto* slot = find_by_discovery_key(id);
  if (slot == nullptr || !slot->is_open_to_others() || stream.has(*slot)) {
    streams_.reject_channel(conn, remote_channel);
    return;
  }
  if (!check_capability(stream, *slot, handshake)) return;
  open_session(stream, *slot);
  for (auto& [channel, session] : stream.sessions) {
    if (session.slot == slot) session.ours = false;
  }
}

void Replication::channel_opened(Now now, ConnId conn, ChannelId channel, ByteView,
                                 ByteView handshake) {
  const auto found = open_streams_.find(conn);
  if (found == open_streams_.end()) return;
  const auto session = found->second->sessions.find(channel);
  if (session == found->second->sessions.end()) return;
  auto& slot = *session->second.slot;
  if (!check_capability(*found->second, slot, handshake)) return;
  session->second.peer = slot.replicator.add_peer(now, conn, channel);
  touch(slot);
  news(slot, FeedPeerJoined{conn});
}

void Replication::channel_message(Now now, ConnId conn, ChannelId channel, std::uint32_t type,
                                  ByteView payload) {
  const auto found = open_streams_.find(conn);
  if (found == open_streams_.end()) return;
  const auto session = found->second->sessions.find(channel);
  if (session == found->second->sessions.end() || session->second.peer == 0) return;
  auto& slot = *session->second.slot;
  touch(slot);
  if (!slot.replicator.handle_message(now, session->second.peer, type, payload)) {
    streams_.destroy(conn, "malformed feed message",
                     make_error_code(StreamErrc::malformed_message));
    return;
  }
  // It closed the channel because neither side wants anything.
  if (!slot.replicator.has_peer(session->second.peer)) end_session(now, *found->second, channel);
}

void Replication::channel_closed(Now now, ConnId conn, ChannelId channel) {
  const auto found = open_streams_.find(conn);
  if (found == open_streams_.end()) return;
  auto& stream = *found->second;
  const auto session = stream.sessions.find(channel);
  if (session == stream.sessions.end()) return;
  auto& slot = *session->second.slot;
  const bool was_open = session->second.peer != 0;
  if (!was_open) news(slot, FeedRefused{conn});
  end_session(now, stream, channel);
  // It was idle from the other side's view while we want something (feeds.md 10.8).
  if (!was_open || !slot.replicator.is_downloading()) return;
  if (++stream.reopened[slot.feed.number()] <= kMaxReopens) open_session(stream, slot);
}

void Replication::end_session(Now now, Stream& stream, ChannelId channel) {
  const auto found = stream.sessions.find(channel);
  if (found == stream.sessions.end()) return;
  auto& slot = *found->second.slot;
  const auto peer = found->second.peer;
  stream.sessions.erase(found);
  if (peer == 0) return;
  slot.replicator.remove_peer(now, peer);
  touch(slot);
  news(slot, FeedPeerLeft{stream.info.conn});
}

bool Replication::open_for(Now now, ConnId conn, const Bytes32& target) {
  const auto* slot = find_by_discovery_key(target);
  if (slot == nullptr) return false;
  open(now, conn, slot->feed.number());
  return true;
}

void Replication::writable(Now, ConnId conn) {
  const auto found = open_streams_.find(conn);
  if (found == open_streams_.end()) return;
  for (auto& [channel, session] : found->second->sessions) {
    if (session.peer == 0) continue;
    session.slot->replicator.note_room();
    touch(*session.slot);
  }
}

}  // namespace cip::overlay
