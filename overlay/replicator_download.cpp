// The half of Replicator that asks: upgrades, blocks, and what becomes of the answers.

#include <algorithm>
#include <utility>

#include "overlay/replicator.hpp"
#include "overlay/replicator_peer.hpp"

namespace cip::overlay {
namespace {

// Pairs of nodes expected from requests under way are forgotten above this; then one request climbs
// higher.
constexpr std::size_t kMaxExpectedPairs = 2048;
// Bytes of a data message around a small block, for estimates.
constexpr std::size_t kReplyOverhead = 128;

// Why the stream of a peer ends whose proof was rejected; counted by this text.
std::string_view crime_of(std::error_code reason) {
  if (reason == store::Errc::hash_mismatch) return "feed proof contradicts the tree";
  if (reason == store::Errc::invalid_signature) return "feed head is not signed by its writers";
  if (reason == store::Errc::wrong_manifest) return "manifest of another feed";
  return "feed proof without the nodes it needs";
}

}  // namespace

// --- Upgrades (feeds.md 10.4) --------------------------------------------------------------------

bool Replicator::wants_upgrade() const {
  return std::any_of(downloads_.begin(), downloads_.end(), [&](const Download& download) {
    return download.options.follow || download.end() > feed_.length();
  });
}

void Replicator::request_upgrade(Now now) {
  // A new history concerns a download that has an end as well: the rest of the old one is gone.
  if (upgrading_ != 0 || downloads_.empty() || request_fork(now) || !wants_upgrade()) return;
  const bool needs_manifest = !feed_.has_manifest() && !feed_.is_compat();
  Peer* best = nullptr;
  for (auto& [number, peer] : peers_) {
    const auto& remote = peer->remote;
    if (!may_ask(*peer) || remote.fork != feed_.fork()) continue;
    if (remote.length == 0 && needs_manifest && remote.has_manifest && !peer->asked_manifest) {
      peer->asked_manifest = true;
      RequestMessage message;
      message.wanted.manifest = true;
      send_request(now, *peer, std::move(message), {.block = {}, .fork = 0, .manifest = true});
    }
    if (!remote.can_upgrade || remote.length <= feed_.length()) continue;
    if (peer->acked != feed_.length() || peer->refused_upgrade == remote.length) continue;
    if (best == nullptr || remote.length > best->remote.length) best = peer.get();
  }
  if (best == nullptr) return;
  upgrading_ = best->number;
  RequestMessage message;
  InFlight request;
  request.upgrade = true;
  const auto length = feed_.length();
  message.wanted.upgrade = {length, best->remote.length - length};
  message.wanted.manifest = needs_manifest && best->remote.has_manifest;
  // The first new block comes along: a live feed then costs one round trip per append.
  const bool wanted = std::any_of(downloads_.begin(), downloads_.end(), [&](const Download& item) {
    return !item.options.length_only && item.options.start <= length && length < item.end();
  });
  if (wanted && best->blocks.has(length) && !in_flight_.get(length)) {
    message.wanted.block = {length, 0};
    request.block = length;
    in_flight_.set(length);
  }
  send_request(now, *best, std::move(message), request);
}

// A peer whose feed was rewritten: its whole new tree is asked for, and the feed decides what stays
// (feeds.md 8.4).
bool Replicator::request_fork(Now now) {
  for (auto& [number, peer] : peers_) {
    const auto& remote = peer->remote;
    if (!may_ask(*peer) || remote.fork <= feed_.fork() || remote.length == 0) continue;
    if (peer->refused_upgrade == remote.length) continue;
    upgrading_ = number;
    RequestMessage message;
    message.wanted.upgrade = {0, remote.length};
    message.wanted.manifest = !feed_.has_manifest() && !feed_.is_compat() && remote.has_manifest;
    InFlight request;
    request.upgrade = true;
    send_request(now, *peer, std::move(message), request);
    return true;
  }
  return false;
}

// --- Blocks ----------------------------------------------------------------------------------

bool Replicator::may_ask(const Peer& peer) const {
  return peer.synced && !peer.rejected && !peer.stalled && peer.remote.uploading && !failed_;
}

std::size_t Replicator::request_limit(const Peer& peer) const {
  const auto bytes = std::min(kMaxRequestBytes, share_.budget().limit() / kRequestShare);
  const std::uint64_t by_bytes = bytes / (average_block(feed_) + kReplyOverhead);
  return std::clamp(static_cast<std::size_t>(by_bytes), std::size_t{2}, peer.window);
}

void Replicator::request_blocks(Now now, Peer& peer) {
  if (!may_ask(peer) || downloads_.empty() || peer.remote.fork != feed_.fork()) return;
  if (peer.remote.length < feed_.length() && !can_upgrade(peer)) return;
  const auto limit = request_limit(peer);
  const auto of_feed = std::clamp<std::uint64_t>(
      share_.budget().limit() / (average_block(feed_) + kReplyOverhead), 1, kMaxRequestsOfFeed);
  std::uint64_t priority = 0;
  while (peer.requests.size() < limit && in_flight_.count() < of_feed &&
         share_.may_take(in_flight_.count() == 0)) {
    const auto block = next_block(peer, priority);
    if (!block) return;
    request_block(now, peer, *block, priority);
  }
}

void Replicator::request_block(Now now, Peer& peer, std::uint64_t block, std::uint64_t priority) {
  InFlight request;
  request.block = block;
  RequestMessage message;
  message.priority = priority;
  // A seeder may answer the urgent ones in any order, so that these do without the others.
  message.wanted.block = {block, priority > 0
                                     ? feed_.wanted_nodes(block)
                                     : levels_to_ask(peer, block, request.relies_on_earlier)};
  in_flight_.set(block);
  send_request(now, peer, std::move(message), request);
}

std::optional<std::uint64_t> Replicator::next_block(Peer& peer, std::uint64_t& priority) {
  for (const auto& download : downloads_) {
    if (download.options.length_only) continue;
    priority = download.options.priority;
    const auto block = download.options.order == BlockOrder::rarest_first
                           ? rarest_block_of(peer, download)
                           : next_block_of(peer, download);
    if (block) return block;
  }
  return std::nullopt;
}

std::size_t Replicator::holders_of(std::uint64_t block) const {
  return static_cast<std::size_t>(std::count_if(
      peers_.begin(), peers_.end(),
      [&](const auto& item) { return may_ask(*item.second) && item.second->blocks.has(block); }));
}

// Among the next blocks that the peer could give, those first that fewest peers have.
std::optional<std::uint64_t> Replicator::rarest_block_of(Peer& peer, const Download& download) {
  auto& queue = peer.rarest;
  if (peer.rarest_of != download.id) queue.clear();
  peer.rarest_of = download.id;
  while (true) {
    while (!queue.empty()) {
      const auto block = queue.back();
      queue.pop_back();
      if (!feed_.has(block) && !in_flight_.get(block) && peer.blocks.has(block)) return block;
    }
    // What the walk finds is put back by setting it on to behind each find.
    std::vector<std::pair<std::size_t, std::uint64_t>> found;
    auto& scan = peer.scan[download.id];
    while (found.size() < kRarestAmong) {
      const auto block = next_block_of(peer, download);
      if (!block) break;
      found.emplace_back(holders_of(*block), *block);
      scan = *block + 1;
    }
    if (found.empty()) return std::nullopt;
    scan = std::min(scan, found.front().second);  // what is not asked for now is found again
    std::sort(found.rbegin(), found.rend());
    for (const auto& [holders, block] : found) queue.push_back(block);
  }
}

// The first block of a download that is neither held nor asked for and that the peer has. What lies
// before peer.scan has been looked at and is looked at again only when something changed there.
std::optional<std::uint64_t> Replicator::next_block_of(Peer& peer, const Download& download) {
  const auto end = std::min({download.end(), feed_.length(), peer.remote.length});
  auto& scan = peer.scan[download.id];
  scan = std::max(scan, download.options.start);
  while (scan < end) {
    scan = feed_.blocks().first_unset(scan, end);
    if (scan == end) break;
    if (const auto free = in_flight_.first_unset(scan, end); free != scan) {
      scan = free;
      continue;
    }
    if (peer.blocks.has(scan)) return scan;
    send_want(peer, scan);
    scan = peer.blocks.first(scan, end);
  }
  return std::nullopt;
}

// Asks once per segment which blocks the peer has.
void Replicator::send_want(Peer& peer, std::uint64_t index) {
  const auto segment = index / kWantSegment;
  if (peer.wanted_segments.size() >= kMaxWants) return;
  if (!peer.wanted_segments.insert(segment).second) return;
  streams_.send(peer.conn, peer.channel, static_cast<std::uint32_t>(FeedMessage::want),
                encode_want({segment * kWantSegment, kWantSegment, false}));
}

// How far the proof must climb (feeds.md 8.1). Nodes that requests under way on this channel will
// bring count as stored, which keeps proofs of blocks in a row short; should such an answer come
// first, or the other never, then the block is asked for again with all it needs.
std::uint64_t Replicator::levels_to_ask(Peer& peer, std::uint64_t block, bool& relies_on_earlier) {
  relies_on_earlier = false;
  if (!careful_.empty() && careful_.contains(block)) return feed_.wanted_nodes(block);
  auto& expected = peer.expected;
  if (expected.size() > kMaxExpectedPairs) expected.clear();
  auto node = 2 * block;
  std::uint64_t level = 0;
  for (; feed_.must_climb(node); ++level) {
    // A node comes with its sibling, so that their parent stands for both.
    const auto parent = store::flat::parent(node);
    if (!expected.insert(parent, {})) {
      relies_on_earlier = true;
      return level;
    }
    node = parent;
  }
  return level;
}

void Replicator::send_request(Now now, Peer& peer, RequestMessage message, InFlight request) {
  if (peer.requests.empty()) peer.heard = now.mono;
  request.sent = now.mono;
  message.wanted.fork = peer.remote.fork;
  request.fork = peer.remote.fork;
  request.manifest = message.wanted.manifest;
  message.id = peer.requests.add(request);
  ++counters_.requests_sent;
  streams_.send(peer.conn, peer.channel, static_cast<std::uint32_t>(FeedMessage::request),
                encode_request(message));
}

// --- Answers ---------------------------------------------------------------------------------

void Replicator::answered(Now now, Peer& peer, const InFlight& request) {
  const auto took = now.mono - request.sent;
  peer.answer_time = peer.answer_time ? (*peer.answer_time * 7 + took) / 8 : took;
  if (peer.unasked > 0) --peer.unasked;
  peer.heard = now.mono;
  peer.stalled = false;
  peer.window = std::min(peer.window + 1, kMaxRequests);
}

bool Replicator::handle_data(Now now, Peer& peer, ByteView payload) {
  auto message = decode_data(payload);
  if (!message) return false;
  auto& proof = message->proof;
  if (message->id == 0) {
    return handle_unrequested(peer, std::move(proof));
  }
  if (!peer.requests.expects(message->id)) note_unasked(peer);
  const auto request = peer.requests.answer(message->id);
  if (!request) return true;
  answered(now, peer, *request);
  const bool foreign_block =
      proof.block && (!request->block || proof.block->index != *request->block);
  const bool foreign_hash = (proof.hash || proof.seek) && request->seek == 0;
  if (proof.fork != request->fork || foreign_block || foreign_hash ||
      (proof.upgrade && !request->upgrade)) {
    refused(now, peer, *request, NoDataReason::none);
    return true;
  }
  // Parts that were asked for and did not come count as refused; the others are welcome.
  InFlight missing = *request;
  missing.upgrade = request->upgrade && !proof.upgrade;
  if (proof.block) missing.block.reset();
  if (missing.upgrade || missing.block) refused(now, peer, missing, NoDataReason::none);
  missing.seek = proof.hash ? 0 : request->seek;
  if (missing.seek != 0) seek_failed(missing.seek, peer.number);
  if (!proof.block && !proof.upgrade && !proof.manifest && !proof.hash) return true;
  Incoming incoming;
  incoming.peer = peer.number;
  incoming.fork = proof.fork;
  if (proof.block) incoming.block = proof.block->index;
  incoming.bytes = proof.block ? proof.block->value.size() : 0;
  incoming.upgrade = proof.upgrade.has_value();
  incoming.relied_on_earlier = request->relies_on_earlier;
  incoming.seek = proof.hash ? request->seek : 0;
  arrived_.proofs.push_back(std::move(proof));
  arrived_.incoming.push_back(incoming);
  return true;
}

void Replicator::apply_arrived() {
  if (arrived_.proofs.empty()) return;
  const auto count = arrived_.proofs.size();
  auto ticket = feed_.apply(std::exchange(arrived_.proofs, {}));
  arrived_.proofs.reserve(count);  // the next turn brings about as many
  for (const auto& incoming : arrived_.incoming) incoming_.insert(ticket++, incoming);
  arrived_.incoming.clear();
}

bool Replicator::handle_no_data(Now now, Peer& peer, ByteView payload) {
  const auto message = decode_no_data(payload);
  if (!message) return false;
  const auto request = peer.requests.answer(message->id);
  if (!request) return true;
  answered(now, peer, *request);
  refused(now, peer, *request, message->reason);
  return true;
}

void Replicator::refused(Now now, Peer& peer, const InFlight& request, NoDataReason reason) {
  peer.expected.clear();
  if (request.fork != peer.remote.fork || request.fork != feed_.fork()) {
    // One of both has changed its fork meanwhile: nobody's fault.
    if (request.upgrade && upgrading_ == peer.number) upgrading_ = 0;
    // What it says now may be asked for still, unless this is what was refused.
    const bool is_current = request.fork == peer.remote.fork;
    if (request.upgrade && is_current) peer.refused_upgrade = peer.remote.length;
    if (request.block) wanted_again(*request.block);
    if (request.seek != 0) seek_failed(request.seek, 0);
    return;
  }
  // What it has taken back since (handle_range) it may refuse.
  if (request.block && !request.upgrade && !peer.blocks.has(*request.block))
    return wanted_again(*request.block);
  ++counters_.refusals;
  if (request.seek != 0) seek_failed(request.seek, peer.number);
  if (request.upgrade) {
    if (upgrading_ == peer.number) upgrading_ = 0;
    peer.refused_upgrade = peer.remote.length;
  }
  if (request.block) {
    peer.blocks.refuse(*request.block);
    // A proof that leaned on one that never came may have been what was impossible.
    if (request.relies_on_earlier) careful_.insert(*request.block);
    wanted_again(*request.block);
  }
  const auto kind = std::min<std::size_t>(static_cast<std::size_t>(reason), 2);
  if (++peer.refusals[kind] >= kMaxRefusals && !peer.rejected) {
    peer.refuses = true;
    reject(now, peer, make_error_code(store::Errc::not_available));
  }
}

void Replicator::wanted_again(std::uint64_t block) {
  ++counters_.retries;
  in_flight_.clear_range(block, block + 1);
  for (auto& [number, peer] : peers_) peer->look_again_from(block);
  dirty_ = true;
}

std::optional<Replicator::Incoming> Replicator::take_incoming(store::Ticket ticket) {
  const auto* found = incoming_.find(ticket);
  if (found == nullptr) return std::nullopt;
  const std::optional<Incoming> out(*found);
  incoming_.erase(ticket);
  return out;
}

void Replicator::handle_applied(Now now, const store::Applied& applied) {
  if (const auto incoming = take_incoming(applied.ticket)) {
    if (incoming->upgrade && upgrading_ == incoming->peer) upgrading_ = 0;
    if (auto* seek = find_seek(incoming->seek)) look(*seek);
    if (incoming->pushed && applied.block) ++counters_.pushes_taken;
    if (const auto block = incoming->block) {
      in_flight_.clear_range(*block, *block + 1);
      if (!careful_.empty()) careful_.erase(*block);
      if (!feed_.has(*block)) wanted_again(*block);
    }
    if (applied.block) {
      ++counters_.blocks_fetched;
      counters_.bytes_fetched += incoming->bytes;
      for (auto& download : downloads_) {
        if (*applied.block < download.options.start || *applied.block >= download.end()) continue;
        ++download.fetched.blocks;
        download.fetched.bytes += incoming->bytes;
      }
      if (!progress_due_) {
        progress_due_ = std::max(now.mono, last_progress_ + kProgressInterval);
      }
    }
  }
  if (applied.block) note_stored(*applied.block, *applied.block + 1);
  if (applied.upgraded) events_.push(LengthGrew{feed_.length()});
  if (applied.upgraded || applied.learnt_manifest) need_syncs();
}

bool Replicator::handle_rejected(Now now, const store::Rejected& rejected) {
  const auto taken = take_incoming(rejected.ticket);
  if (!taken) return false;
  const Incoming& incoming = *taken;
  if (incoming.upgrade && upgrading_ == incoming.peer) upgrading_ = 0;
  if (rejected.reason == store::Errc::later_fork) {
    events_.push(LaterForkProved{incoming.fork});
  }
  if (incoming.block) {
    if (incoming.relied_on_earlier) careful_.insert(*incoming.block);
    wanted_again(*incoming.block);
  }
  auto* peer = find(incoming.peer);
  if (peer == nullptr) return true;
  peer->expected.clear();
  if (incoming.seek != 0) seek_failed(incoming.seek, incoming.peer);
  if (incoming.pushed) note_unasked(*peer);
  if (incoming.upgrade && rejected.reason != store::Errc::stale_proof) {
    peer->refused_upgrade = peer->remote.length;
  }
  if (!store::blames_peer(rejected.reason) || incoming.relied_on_earlier) return true;
  if (peer->ends_at || peer->ended) return true;
  reject(now, *peer, rejected.reason);
  // Does it have another history than ours? (feeds.md 10.6)
  peer->crime = crime_of(rejected.reason);
  peer->crime_error = rejected.reason;
  peer->ends_at = now.mono;
  if (const auto length = std::min(feed_.length(), peer->remote.length); length > 0) {
    peer->ends_at = now.mono + kConflictWait;
    RequestMessage message;
    message.wanted.fork = peer->remote.fork;
    message.wanted.upgrade = {0, length};
    streams_.send(peer->conn, peer->channel, static_cast<std::uint32_t>(FeedMessage::request),
                  encode_request(message));
  }
  return true;
}

bool Replicator::handle_conflict_checked(Now now, const store::ConflictChecked& checked) {
  const auto found = conflict_checks_.find(checked.ticket);
  if (found == conflict_checks_.end()) return false;
  auto* peer = find(found->second);
  conflict_checks_.erase(found);
  // Two signed histories are the writer's doing; anything else was the peer's.
  if (peer != nullptr && peer->ends_at) {
    peer->ends_at = checked.conflict ? std::nullopt : std::optional(now.mono);
  }
  if (checked.conflict) events_.push(FeedFrozen{peer != nullptr ? peer->conn : 0});
  return true;
}

// --- The end of a download -------------------------------------------------------------------

bool Replicator::has_longer_peer() const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& item) {
    const auto& peer = *item.second;
    return peer.synced && !peer.rejected && peer.remote.can_upgrade &&
           peer.remote.fork == feed_.fork() && peer.remote.length > feed_.length() &&
           peer.refused_upgrade != peer.remote.length;
  });
}

bool Replicator::is_in_sync(Now now, Download& download) {
  const bool all_said = std::ranges::all_of(
      peers_, [](const auto& item) { return item.second->synced || item.second->rejected; });
  if (download.options.length_only && !all_said) return false;
  if (download.end() > feed_.length()) {
    const bool met = std::any_of(peers_.begin(), peers_.end(), [](const auto& item) {
      return item.second->synced && !item.second->rejected;
    });
    if (!met || upgrading_ != 0 || has_longer_peer()) return false;
    const bool surely_empty = download.all_asked && all_said;
    if (feed_.length() == 0 && !download.options.follow && !surely_empty) {
      if (!empty_until_) empty_until_ = now.mono + kEmptyFeedWait;
      if (now.mono < *empty_until_) return false;
    }
    // What is appended while the rest arrives is not part of this download.
    if (!download.options.follow) download.options.end = feed_.length();
  }
  if (download.options.length_only) return true;
  const auto end = std::min(download.end(), feed_.length());
  download.held = std::min(download.held, end);
  download.held = feed_.blocks().first_unset(download.held, end);
  if (download.held < end) return false;
  // What this turn brought is held and not counted yet; its events come before the next look.
  return download.options.follow || incoming_.empty();
}

void Replicator::check_in_sync(Now now) {
  if (empty_until_ && feed_.length() > 0) empty_until_.reset();
  for (auto& download : downloads_) {
    const bool before = std::exchange(download.in_sync, is_in_sync(now, download));
    if (!download.in_sync || before) continue;
    events_.push(InSync{download.id, feed_.length(), !download.options.follow, download.fetched});
  }
  const auto finished = [](const Download& item) { return item.in_sync && !item.options.follow; };
  if (std::none_of(downloads_.begin(), downloads_.end(), finished)) return;
  for (auto& [number, peer] : peers_) {
    for (const auto& item : downloads_) {
      if (finished(item)) peer->scan.erase(item.id);
    }
  }
  std::erase_if(downloads_, finished);
  empty_until_.reset();
  linger_until_ = now.mono + kInterestLinger;
}

}  // namespace cip::overlay
