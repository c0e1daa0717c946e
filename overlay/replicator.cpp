#include "overlay/replicator.hpp"

#include <algorithm>
#include <utility>

#include "overlay/replicator_peer.hpp"

namespace cip::overlay {

Replicator::Replicator(store::Feed& feed, Streams& streams, FetchBudget& budget)
    : feed_(feed), streams_(streams), share_(budget), told_fork_(feed.fork()) {}
Replicator::~Replicator() = default;

// --- Commands --------------------------------------------------------------------------------

DownloadId Replicator::download(Now, DownloadOptions options) {
  Download download;
  download.id = next_download_++;
  download.options = options;
  download.held = options.start;
  for (auto& [number, peer] : peers_) peer->scan[download.id] = options.start;
  downloads_.push_back(download);
  dirty_ = true;
  return download.id;
}

void Replicator::cancel(Now now, DownloadId id) {
  const auto erased = std::erase_if(downloads_, [&](const auto& item) { return item.id == id; });
  if (erased == 0) return;
  for (auto& [number, peer] : peers_) peer->scan.erase(id);
  linger_until_ = now.mono + kInterestLinger;
  dirty_ = true;
}

void Replicator::note_all_asked(DownloadId id) {
  for (auto& download : downloads_) {
    if (download.id == id) download.all_asked = true;
  }
  dirty_ = true;
}

void Replicator::set_keep_open(bool keep_open) {
  keep_open_ = keep_open;
  dirty_ = true;
}

void Replicator::note_cleared(Now, std::uint64_t start, std::uint64_t end) {
  if (start >= end) return;
  const auto message = encode_range({start, end - start, true});
  for (auto& [number, peer] : peers_) {
    streams_.send(peer->conn, peer->channel, static_cast<std::uint32_t>(FeedMessage::range),
                  message);
    peer->announced = std::min(peer->announced, start);
    peer->look_again_from(start);
  }
  for (auto& download : downloads_) {
    download.held = std::clamp(start, download.options.start, download.held);
  }
  dirty_ = true;
}

// --- Peers -----------------------------------------------------------------------------------

PeerNumber Replicator::add_peer(Now, ConnId conn, ChannelId channel) {
  auto peer = std::make_unique<Peer>();
  peer->number = next_peer_++;
  peer->conn = conn;
  peer->channel = channel;
  for (const auto& download : downloads_) peer->scan[download.id] = download.options.start;
  const auto number = peer->number;
  auto& added = *peers_.emplace(number, std::move(peer)).first->second;
  send_sync(added);
  if (const auto held = feed_.contiguous_length(); held > 0) {
    streams_.send(conn, channel, static_cast<std::uint32_t>(FeedMessage::range),
                  encode_range({0, held, false}));
    if (held == feed_.length()) added.announced = held;
  }
  dirty_ = true;
  return number;
}

void Replicator::remove_peer(Now, PeerNumber number) {
  auto* peer = find(number);
  if (peer == nullptr) return;
  lose_requests(*peer, false);
  if (peer->holds_reading) streams_.release_reading(peer->conn);
  if (upgrading_ == number) upgrading_ = 0;
  peers_.erase(number);
  dirty_ = true;
}

Replicator::Peer* Replicator::find(PeerNumber number) {
  const auto found = peers_.find(number);
  return found == peers_.end() ? nullptr : found->second.get();
}

bool Replicator::handle_message(Now now, PeerNumber number, std::uint32_t type, ByteView payload) {
  auto* peer = find(number);
  if (peer == nullptr || peer->ended) return true;
  dirty_ = true;
  const auto kind = static_cast<FeedMessage>(type);
  if (kind == FeedMessage::data || kind == FeedMessage::no_data) peer->stalled = false;
  // Whatever else is said is heard after what came before it.
  if (kind != FeedMessage::data) apply_arrived();
  switch (kind) {
    case FeedMessage::sync:
      return handle_sync(now, *peer, payload);
    case FeedMessage::request:
      return handle_request(now, *peer, payload);
    case FeedMessage::cancel:
      return handle_cancel(*peer, payload);
    case FeedMessage::data:
      return handle_data(now, *peer, payload);
    case FeedMessage::no_data:
      return handle_no_data(now, *peer, payload);
    case FeedMessage::want:
      return handle_want(*peer, payload, true);
    case FeedMessage::unwant:
      return handle_want(*peer, payload, false);
    case FeedMessage::bitfield:
      return handle_bitfield(*peer, payload);
    case FeedMessage::range:
      return handle_range(*peer, payload);
    case FeedMessage::extension:
      return handle_extension(*peer, payload);
  }
  return true;  // types above those defined are ignored
}

bool Replicator::handle_sync(Now now, Peer& peer, ByteView payload) {
  const auto message = decode_sync(payload);
  if (!message) return false;
  const bool same_fork = message->fork == feed_.fork();
  if (message->fork != peer.remote.fork) {
    // A writer that cuts its feed refuses what is asked of the old one before it can say so.
    peer.refusals = {};
    peer.blocks.forget_refusals();
    peer.look_again_from(0);
    if (std::exchange(peer.refuses, false)) peer.rejected = false;
  }
  peer.synced = true;
  peer.remote = *message;
  peer.acked = same_fork ? message->remote_length : 0;
  peer.refused_upgrade.reset();
  if (!message->downloading && !says_downloading(now)) {
    // Neither side wants anything: the channel is idle (feeds.md 10.8). Whoever does, opens again.
    const auto conn = peer.conn;
    const auto channel = peer.channel;
    remove_peer(now, peer.number);
    streams_.close_channel(conn, channel);
    return true;
  }
  if (can_upgrade(peer) != peer.said_can_upgrade) peer.sync_due = true;
  if (same_fork && message->length < feed_.length()) peer.sync_due = true;
  return true;
}

bool Replicator::handle_bitfield(Peer& peer, ByteView payload) {
  const auto message = decode_bitfield(payload);
  if (!message) return false;
  peer.blocks.set_words(*message);
  peer.look_again_from(message->start);
  return true;
}

bool Replicator::handle_range(Peer& peer, ByteView payload) {
  const auto message = decode_range(payload);
  if (!message) return false;
  if (message->drop) {
    peer.blocks.drop(message->start, message->length);
  } else {
    const auto known = message->start == 0 ? peer.blocks.contiguous() : message->start;
    peer.blocks.add(message->start, message->length);
    peer.look_again_from(known);
  }
  return true;
}

// An empty name stands for that of the extension message before (feeds.md 9).
bool Replicator::handle_extension(Peer& peer, ByteView payload) {
  const auto message = decode_extension(payload);
  if (!message || message->name.size() > kMaxExtensionName) return false;
  if (!message->name.empty()) peer.extension = message->name;
  if (!exposes_extensions_ || peer.extension.empty()) return true;
  if (message->payload.size() > kMaxExtensionBytes) return true;
  events_.push(ExtensionReceived{peer.conn, peer.extension, to_bytes(message->payload)});
  return true;
}

bool Replicator::send_extension(ConnId conn, std::string_view name, ByteView payload) {
  if (name.empty() || name.size() > kMaxExtensionName || payload.size() > kMaxExtensionBytes) {
    return false;
  }
  const auto message = encode_extension({name, payload});
  for (auto& [number, peer] : peers_) {
    if (conn != 0 && peer->conn != conn) continue;
    if (!streams_.is_writable(peer->conn)) continue;  // not worth waiting for
    streams_.send(peer->conn, peer->channel, static_cast<std::uint32_t>(FeedMessage::extension),
                  message);
  }
  return true;
}

// --- The feed --------------------------------------------------------------------------------

bool Replicator::handle_feed_event(Now now, store::FeedEvent& event) {
  dirty_ = true;
  return std::visit(
      Overloaded{[&](const store::Applied& applied) {
                   const bool own = incoming_.contains(applied.ticket);
                   handle_applied(now, applied);
                   return own;
                 },
                 [&](const store::Rejected& rejected) { return handle_rejected(now, rejected); },
                 [&](store::ProofReady& ready) { return handle_proof(now, ready); },
                 [&](const store::ConflictChecked& checked) {
                   return handle_conflict_checked(now, checked);
                 },
                 [&](const store::Appended& appended) {
                   need_syncs();
                   note_stored(appended.start, appended.length);
                   if (appended.length == appended.start + 1) push(appended.start);
                   return false;
                 },
                 [&](const store::Truncated&) {
                   need_syncs();
                   return false;
                 },
                 [&](const store::Sought& sought) { return handle_sought(sought); },
                 [&](const store::BlockRead& read) {
                   if (!read.value && read.value.error() == store::Errc::corrupt) {
                     give_up(read.index);
                   }
                   return false;
                 },
                 [&](const store::StoreFailed&) {
                   failed_ = true;
                   return false;
                 },
                 [](const auto&) { return false; }},
      event);
}

void Replicator::need_syncs() {
  for (auto& [number, peer] : peers_) peer->sync_due = true;
}

void Replicator::look_again_everywhere() {
  for (auto& download : downloads_) download.held = download.options.start;
  for (auto& [number, peer] : peers_) {
    peer->look_again_from(0);
    peer->announced = 0;
    peer->sync_due = true;
  }
}

void Replicator::note_stored(std::uint64_t start, std::uint64_t end) {
  if (!stored_.empty() && stored_.back().end == start) {
    stored_.back().end = end;
  } else {
    stored_.push_back({start, end});
  }
}

// --- Turns -----------------------------------------------------------------------------------

void Replicator::handle_timeout(Now now) {
  check_stalled(now);
  dirty_ = true;
}

void Replicator::flush(Now now) {
  if (!dirty_) return;
  dirty_ = false;
  apply_arrived();
  // What is asked for will wait for the disk as well. Own appends have a bound of their own.
  const auto charge = [&] {
    const std::uint64_t half = share_.budget().limit() / 2;
    const auto asked = std::min(in_flight_.count() * std::min(average_block(feed_), half), half);
    const auto bytes = feed_.uncommitted_bytes() + static_cast<std::size_t>(asked);
    share_.set(downloads_.empty() || failed_ ? 0 : bytes);
  };
  charge();
  // A new fork may lack blocks that were held; it shows here before it is on disk and reported.
  // Peers hear what is gone before they hear of the fork, lest they ask for it (feeds.md 8.4).
  if (std::exchange(told_fork_, feed_.fork()) != feed_.fork()) {
    note_cleared(now, feed_.contiguous_length(), told_length_);
    look_again_everywhere();
  }
  told_length_ = feed_.length();
  check_conduct(now);
  sync_peers(now);
  announce_stored();
  if (!feed_.is_frozen()) {
    request_upgrade(now);
    for (auto& [number, peer] : peers_) request_blocks(now, *peer);
    take_late(now);
    request_seeks(now);
    charge();
  }
  for (auto& [number, peer] : peers_) {
    announce_missed(*peer);
    answer_wants(*peer);
    serve(now, *peer);
    update_hold(*peer);
  }
  check_in_sync(now);
  emit_progress(now);
}

std::optional<ReplicatorEvent> Replicator::poll_event() { return events_.pop(); }

std::optional<TimePoint> Replicator::next_timeout() const {
  Earliest next;
  next.consider(progress_due_);
  next.consider(empty_until_);
  next.consider(late_due_);
  if (said_downloading_ && !keep_open_ && downloads_.empty()) next.consider(linger_until_);
  for (const auto& [number, peer] : peers_) {
    if (peer->ended) continue;
    if (streams_.is_writable(peer->conn)) next.consider(peer->replies.next_due());
    next.consider(peer->ends_at);
    if (peer->blocked_since) next.consider(*peer->blocked_since + kNeverReads);
    if (!peer->requests.empty()) next.consider(next_check(*peer));
  }
  return next.get();
}

void Replicator::emit_progress(Now now) {
  if (!progress_due_ || *progress_due_ > now.mono) return;
  progress_due_.reset();
  last_progress_ = now.mono;
  events_.push(Progress{counters_.blocks_fetched, counters_.bytes_fetched});
}

// --- What is known ---------------------------------------------------------------------------

bool Replicator::is_interested() const { return keep_open_ || !downloads_.empty(); }

bool Replicator::is_downloading() const {
  return std::any_of(downloads_.begin(), downloads_.end(),
                     [](const Download& download) { return !download.in_sync; });
}

std::vector<ReplicatorPeerInfo> Replicator::peers() const {
  std::vector<ReplicatorPeerInfo> out;
  for (const auto& [number, peer] : peers_) {
    const auto& remote = peer->remote;
    out.push_back({peer->conn, remote.fork, remote.length, peer->blocks.contiguous(),
                   peer->rejected, peer->stalled});
  }
  return out;
}

std::optional<DownloadState> Replicator::state_of(DownloadId id, std::uint64_t from) const {
  const auto download = std::find_if(downloads_.begin(), downloads_.end(),
                                     [&](const Download& item) { return item.id == id; });
  if (download == downloads_.end()) return std::nullopt;
  DownloadState state;
  const auto end = std::min(download->end(), feed_.length());
  const auto start = std::min(std::max(download->options.start, from), end);
  state.missing = end - start - feed_.blocks().count(start, end);
  state.first = feed_.blocks().first_unset(start, end);
  state.offered = end;
  state.fetched = download->fetched;
  state.waits_for_disk = !share_.budget().has_room() && feed_.uncommitted_bytes() > 0;
  for (const auto& [number, peer] : peers_) {
    if (peer->rejected) continue;
    if (!peer->synced) ++state.unheard;
    if (state.missing > 0 && peer->blocks.has(state.first)) ++state.holders;
    state.offered = std::min(state.offered, peer->blocks.first(state.first, end));
    if (peer->remote.length > feed_.length()) {
      state.claim = std::max(peer->remote.length, state.claim.value_or(0));
    }
    state.requests += peer->requests.size();
    if (!peer->requests.empty()) state.heard = std::max(state.heard, last_heard(*peer));
  }
  return state;
}

}  // namespace cip::overlay
