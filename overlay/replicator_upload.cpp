// The half of Replicator that answers and announces (feeds.md 10.3, 10.5).

#include <algorithm>
#include <utility>

#include "overlay/errors.hpp"
#include "overlay/replicator.hpp"
#include "overlay/replicator_peer.hpp"
#include "overlay/transport/errors.hpp"

namespace cip::overlay {
namespace {

// A peer that asks for the impossible waits longer each time, as with line 11.
Duration penalty(std::size_t times) {
  using std::chrono::milliseconds;
  if (times < 2) return milliseconds(200);
  if (times < 5) return milliseconds(500);
  return times < 40 ? milliseconds(1000) : milliseconds(5000);
}

bool is_segment(const WantMessage& want) {
  const auto length = want.length;
  const bool power_of_two = length != 0 && (length & (length - 1)) == 0;
  return power_of_two && length >= 32 && want.start % length == 0;
}

}  // namespace

// --- Sync ------------------------------------------------------------------------------------

bool Replicator::can_upgrade(const Peer& peer) const {
  if (!peer.synced) return true;
  if (peer.remote.fork != feed_.fork()) return false;
  if (peer.remote.length == 0) return true;
  return peer.remote.length < feed_.length() && feed_.has_roots_of(peer.remote.length);
}

bool Replicator::says_downloading(Now now) const {
  return is_interested() || now.mono < linger_until_;
}

void Replicator::sync_peers(Now now) {
  const bool downloading = says_downloading(now);
  if (std::exchange(said_downloading_, downloading) != downloading) need_syncs();
  for (auto& [number, peer] : peers_) {
    // Nodes that came meanwhile may let us prove what we could not.
    if (!peer->said_can_upgrade && can_upgrade(*peer)) peer->sync_due = true;
    if (!peer->sync_due || peer->pushes > 0) continue;
    if (streams_.is_writable(peer->conn)) send_sync(*peer);
  }
}

void Replicator::send_sync(Peer& peer) {
  peer.sync_due = false;
  peer.said_can_upgrade = can_upgrade(peer);
  SyncMessage message;
  message.fork = feed_.fork();
  message.length = feed_.length();
  message.remote_length = peer.synced && peer.remote.fork == feed_.fork() ? peer.remote.length : 0;
  message.can_upgrade = peer.said_can_upgrade;
  message.downloading = said_downloading_ || is_interested();
  message.has_manifest = feed_.has_manifest();
  message.accepts_push = accepts_push_;
  streams_.send(peer.conn, peer.channel, static_cast<std::uint32_t>(FeedMessage::sync),
                encode_sync(message));
}

// --- Announcing blocks -----------------------------------------------------------------------

void Replicator::announce_stored() {
  if (stored_.empty()) return;
  std::sort(stored_.begin(), stored_.end(),
            [](const auto& a, const auto& b) { return a.start < b.start; });
  std::size_t last = 0;
  for (std::size_t i = 1; i < stored_.size(); ++i) {
    if (stored_[i].start <= stored_[last].end) {
      stored_[last].end = std::max(stored_[last].end, stored_[i].end);
    } else {
      stored_[++last] = stored_[i];
    }
  }
  stored_.resize(last + 1);
  for (auto& [number, peer] : peers_) announce_to(*peer);
  stored_.clear();
}

// A complete feed is announced as a whole. Before that only what is likely to be asked for: blocks
// near the end, and segments that the peer wants, unless it has them itself.
void Replicator::announce_to(Peer& peer) {
  const auto length = feed_.length();
  if (feed_.contiguous_length() == length) {
    if (peer.announced < length) announce(peer, 0, length);
    peer.announced = length;
    return;
  }
  const auto tail = length - std::min(length, kAnnouncedTail);
  for (const auto& range : stored_) {
    const auto start =
        peer.wants_range(range.start, range.end) ? range.start : std::max(range.start, tail);
    if (start >= range.end || peer.blocks.first_missing(start, range.end) == range.end) continue;
    announce(peer, start, range.end);
  }
}

// Waits while the stream is full; what lies within the last one that waits joins it.
void Replicator::announce(Peer& peer, std::uint64_t start, std::uint64_t end) {
  if (peer.missed.empty() && streams_.is_writable(peer.conn)) {
    streams_.send(peer.conn, peer.channel, static_cast<std::uint32_t>(FeedMessage::range),
                  encode_range({start, end - start, false}));
    return;
  }
  if (!peer.missed.empty() && start <= peer.missed.back().end &&
      start >= peer.missed.back().start) {
    peer.missed.back().end = std::max(peer.missed.back().end, end);
    return;
  }
  if (peer.missed.size() >= kMaxMissedRanges) peer.missed.pop_front();
  peer.missed.push_back({start, end});
}

void Replicator::announce_missed(Peer& peer) {
  while (!peer.missed.empty() && streams_.is_writable(peer.conn)) {
    const auto range = peer.missed.front();
    peer.missed.pop_front();
    // Some of it may have been cleared or cut since.
    const auto end = std::min(range.end, feed_.length());
    const auto start = feed_.blocks().first_set(range.start, std::max(range.start, end));
    if (start >= end) continue;
    const auto stop = feed_.blocks().first_unset(start, end);
    streams_.send(peer.conn, peer.channel, static_cast<std::uint32_t>(FeedMessage::range),
                  encode_range({start, stop - start, false}));
    if (stop < end) peer.missed.push_front({stop, end});
  }
}

// --- Wants -----------------------------------------------------------------------------------

bool Replicator::handle_want(Peer& peer, ByteView payload, bool wanted) {
  const auto want = decode_want(payload);
  if (!want) return false;
  if (want->length > kWantSegment) return true;
  const auto same = [&](const WantMessage& other) {
    return other.start == want->start && other.length == want->length && other.any == want->any;
  };
  std::erase_if(peer.wants, same);
  if (!wanted) return true;
  if ((!want->any && !is_segment(*want)) || peer.wants.size() >= kMaxWants) {
    peer.wants_all = true;
  } else {
    peer.wants.push_back(*want);
  }
  std::erase_if(peer.unanswered_wants, same);
  if (peer.unanswered_wants.size() >= kMaxWants) peer.unanswered_wants.pop_front();
  peer.unanswered_wants.push_back(*want);
  return true;
}

void Replicator::answer_wants(Peer& peer) {
  while (!peer.unanswered_wants.empty() && streams_.is_writable(peer.conn)) {
    const auto want = peer.unanswered_wants.front();
    peer.unanswered_wants.pop_front();
    answer_want(peer, want);
  }
}

void Replicator::answer_want(Peer& peer, const WantMessage& want) {
  const auto held = feed_.contiguous_length();
  const auto send_range = [&](std::uint64_t start, std::uint64_t length) {
    streams_.send(peer.conn, peer.channel, static_cast<std::uint32_t>(FeedMessage::range),
                  encode_range({start, length, false}));
  };
  if (held > 0 && (want.start + want.length < held || held == feed_.length() ||
                   (want.any && want.start < held))) {
    return send_range(0, held);
  }
  if (want.start >= feed_.length()) return;
  const auto end = std::min(want.start + want.length, feed_.length());
  if (want.any) {
    const auto first = feed_.blocks().first_set(want.start, end);
    if (first < end) send_range(first, 1);
    return;
  }
  for (auto start = want.start; start < end;) {
    const auto stop = std::min(end, (start / kWantSegment + 1) * kWantSegment);
    if (const auto words = feed_.blocks().words(start, stop, feed_.length())) {
      streams_.send(peer.conn, peer.channel, static_cast<std::uint32_t>(FeedMessage::bitfield),
                    encode_bitfield(*words));
    }
    start = stop;
  }
}

// --- Requests --------------------------------------------------------------------------------

bool Replicator::handle_request(Now, Peer& peer, ByteView payload) {
  auto message = decode_request(payload);
  if (!message) return false;
  peer.replies.push(std::move(*message));
  return true;
}

// A stream is not read while its peer has asked for too much, or sent more than the disk can take.
void Replicator::update_hold(Peer& peer) {
  const auto half = peer.holds_reading ? 2u : 1u;  // goes on only when there is real room
  const bool hold = peer.replies.waiting() > kMaxWaitingRequests / half ||
                    feed_.uncommitted_bytes() > share_.budget().limit() * kStopReadingAbove / half;
  if (std::exchange(peer.holds_reading, hold) == hold) return;
  if (hold) {
    streams_.hold_reading(peer.conn);
  } else {
    streams_.release_reading(peer.conn);
  }
}

bool Replicator::handle_cancel(Peer& peer, ByteView payload) {
  const auto id = decode_cancel(payload);
  if (!id) return false;
  peer.replies.cancel(*id);
  return true;
}

// The disk works ahead while what it gave before leaves.
void Replicator::serve(Now now, Peer& peer) {
  do {
    while (peer.replies.next_waiting() != nullptr && peer.replies.begun() < reply_limit(peer) &&
           proving_.size() < kMaxRepliesOfFeed) {
      begin_reply(now, peer);
    }
  } while (send_reply(now, peer));
}

// False: none is ready, or the stream is full.
bool Replicator::send_reply(Now now, Peer& peer) {
  if (!streams_.is_writable(peer.conn)) return false;
  const auto reply = peer.replies.pop(now.mono);
  if (!reply) return false;
  streams_.send(peer.conn, peer.channel, static_cast<std::uint32_t>(reply->type), reply->message);
  return true;
}

// By what blocks have on average, or had lately, since the size of a block is known only once it
// was read.
std::size_t Replicator::reply_limit(const Peer& peer) const {
  const auto expected = std::max<std::uint64_t>(peer.recent_block, average_block(feed_));
  const std::uint64_t by_bytes = kMaxReplyBytes / (expected + 64);
  return std::clamp(static_cast<std::size_t>(by_bytes), std::size_t{4}, kMaxReplies);
}

void Replicator::begin_reply(Now, Peer& peer) {
  const auto& wanted = peer.replies.next_waiting()->wanted;
  const bool here =
      wanted.fork == feed_.fork() && (!wanted.block || feed_.has(wanted.block->index));
  const bool nothing = !wanted.block && !wanted.hash && !wanted.seek && !wanted.upgrade;
  if (!feed_.is_frozen() && here && !nothing && feed_.length() > 0) {
    const auto ticket = feed_.prove(wanted);
    proving_.insert(ticket, peer.number);
    peer.replies.begin(ticket);
    return;
  }
  const auto id = peer.replies.next_waiting()->id;
  if (wanted.manifest && feed_.has_manifest()) {
    store::Proof proof;
    proof.fork = feed_.fork();
    proof.manifest = feed_.manifest();
    peer.replies.answer(FeedMessage::data, encode_data(id, proof));
  } else {
    peer.replies.answer(FeedMessage::no_data, encode_no_data({id, NoDataReason::not_available}));
  }
}

bool Replicator::handle_proof(Now now, store::ProofReady& ready) {
  const auto* asker = proving_.find(ready.ticket);
  if (asker == nullptr) return handle_push_proof(ready);
  auto* peer = find(*asker);
  proving_.erase(ready.ticket);
  if (peer == nullptr) return true;
  const auto* request = peer->replies.find(ready.ticket);
  const auto id = request != nullptr ? request->id : 0;
  if (ready.proof) {
    const auto& proof = *ready.proof;
    if (request != nullptr && proof.block) {
      ++counters_.blocks_served;
      counters_.bytes_served += proof.block->value.size();
      peer->recent_block = std::max(peer->recent_block / 8 * 7, proof.block->value.size());
    }
    auto message = request != nullptr ? encode_data(id, proof) : Bytes{};
    peer->replies.finish(ready.ticket, FeedMessage::data, std::move(message));
    return true;
  }
  if (ready.proof.error() == store::Errc::corrupt && request != nullptr && request->wanted.block) {
    give_up(request->wanted.block->index);
  }
  auto reason = NoDataReason::not_available;
  TimePoint due{};
  if (ready.proof.error() == store::Errc::invalid_request) {
    reason = NoDataReason::invalid_request;
    due = now.mono + penalty(++peer->invalid_requests);
  }
  peer->replies.finish(ready.ticket, FeedMessage::no_data, encode_no_data({id, reason}), due);
  if (peer->invalid_requests >= kMaxInvalidRequests) {
    end_stream(*peer, "too many invalid feed requests",
               make_error_code(StreamErrc::malformed_message));
  }
  return true;
}

}  // namespace cip::overlay
