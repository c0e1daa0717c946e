// Peers that fail: that are slow, silent, wrong, or never read (feeds.md 10.4, 10.9).

#include <algorithm>

#include "overlay/errors.hpp"
#include "overlay/replicator.hpp"
#include "overlay/replicator_peer.hpp"
#include "overlay/transport/errors.hpp"

namespace cip::overlay {

// --- Wrong and silent peers --------------------------------------------------------------------

void Replicator::lose_requests(Peer& peer, bool tell) {
  peer.expected.clear();
  for (const auto& cancelled : peer.requests.cancel_all()) {
    if (cancelled.request.upgrade && upgrading_ == peer.number) upgrading_ = 0;
    if (cancelled.request.block) wanted_again(*cancelled.request.block);
    if (cancelled.request.seek != 0) seek_failed(cancelled.request.seek, 0);
    if (tell) {
      streams_.send(peer.conn, peer.channel, static_cast<std::uint32_t>(FeedMessage::cancel),
                    encode_cancel(cancelled.id));
    }
  }
}

void Replicator::reject(Now, Peer& peer, std::error_code reason) {
  if (peer.rejected) return;
  peer.rejected = true;
  lose_requests(peer, true);
  if (upgrading_ == peer.number) upgrading_ = 0;
  events_.push(PeerRejected{peer.conn, reason});
  dirty_ = true;
}

bool Replicator::has_other(const Peer& peer) const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& item) {
    return item.first != peer.number && may_ask(*item.second);
  });
}

// A large answer counts while it comes.
TimePoint Replicator::last_heard(const Peer& peer) const {
  return std::max(peer.heard, streams_.heard(peer.conn).message);
}

TimePoint Replicator::next_check(const Peer& peer) const {
  return std::max(last_heard(peer), peer.checked) + kStallTimeout;
}

void Replicator::check_stalled(Now now) {
  for (auto& [number, peer] : peers_) {
    if (peer->requests.empty() || peer->ended || now.mono < next_check(*peer)) continue;
    const bool slept = now.mono >= next_check(*peer) + kStallTimeout;
    peer->checked = now.mono;
    if (slept) {
      peer->heard = now.mono;  // this process stood still, and what came meanwhile is not read yet
    } else if (now.mono >= last_heard(*peer) + kSilenceLimit) {
      fell_silent(now, *peer);
    } else if (has_other(*peer)) {
      peer->stalled = true;
      lose_requests(*peer, true);
    }
  }
}

void Replicator::fell_silent(Now now, Peer& peer) {
  peer.stalled = true;
  lose_requests(peer, true);
  if (now.mono < streams_.heard(peer.conn).bytes + kSilenceLimit) return;
  end_stream(peer, "feed peer that fell silent", make_error_code(StreamErrc::peer_silent));
}

void Replicator::end_stream(Peer& peer, std::string_view why, std::error_code error) {
  if (peer.ended) return;
  peer.ended = true;
  peer.rejected = true;
  lose_requests(peer, false);
  streams_.destroy(peer.conn, why, error);
}

void Replicator::note_unasked(Peer& peer) {
  if (++peer.unasked <= kMaxUnasked) return;
  end_stream(peer, "feed data that nobody asked for", make_error_code(Errc::unasked_data));
}

// Ends the streams of peers that were found out, or that let everything wait for ever.
void Replicator::check_conduct(Now now) {
  for (auto& [number, peer] : peers_) {
    if (peer->ends_at && *peer->ends_at <= now.mono)
      end_stream(*peer, peer->crime, peer->crime_error);
    const bool waits = peer->replies.size() > 0 || peer->sync_due || !peer->missed.empty() ||
                       !peer->unanswered_wants.empty();
    if (!waits || streams_.is_writable(peer->conn)) {
      peer->blocked_since.reset();
    } else if (!peer->blocked_since) {
      peer->blocked_since = now.mono;
    } else if (now.mono - *peer->blocked_since >= kNeverReads) {
      end_stream(*peer, "feed peer that never reads", make_error_code(Errc::never_reads));
    }
  }
}

// A block of a replica that cannot be read, or is not what it was: others have it still.
void Replicator::give_up(std::uint64_t damaged) {
  if (!heals_ || !feed_.discard(damaged, damaged + 1)) return;
  note_cleared({}, damaged, damaged + 1);
}

// --- Late answers ------------------------------------------------------------------------------

// Nothing is asked of it, and nothing of its own is left to be asked for.
bool Replicator::is_idle(Peer& peer) {
  std::uint64_t priority = 0;
  return may_ask(peer) && peer.requests.empty() && peer.remote.fork == feed_.fork() &&
         !next_block(peer, priority);
}

Duration Replicator::late_after(const Peer& idle) const {
  return std::max(kLateAfter, idle.answer_time.value_or(Duration{}) * kLateFactor);
}

// At the end of a download the blocks that are left hang on the slowest peers. Whoever has nothing
// to do takes over what is late elsewhere, and slow peers are asked for less from then on.
void Replicator::take_late(Now now) {
  late_due_.reset();
  if (peers_.size() < 2 || downloads_.empty() || feed_.is_frozen()) return;
  for (auto& [number, idle] : peers_) {
    if (!is_idle(*idle)) continue;
    for (auto& [other, slow] : peers_) {
      if (other == number || slow->requests.empty()) continue;
      while (idle->requests.size() < request_limit(*idle) && take_late_from(now, *slow, *idle)) {
      }
    }
  }
}

bool Replicator::take_late_from(Now now, Peer& slow, Peer& idle) {
  const auto late = slow.requests.oldest_block(
      [&](std::uint64_t block) { return idle.blocks.has(block) && block < idle.remote.length; });
  if (!late) return false;
  const auto due = late->request.sent + late_after(idle);
  if (now.mono < due) {
    late_due_ = std::min(due, late_due_.value_or(due));
    return false;
  }
  slow.requests.cancel(late->id);
  slow.expected.clear();
  slow.window = std::max(slow.window / 2, kLeastRequests);
  streams_.send(slow.conn, slow.channel, static_cast<std::uint32_t>(FeedMessage::cancel),
                encode_cancel(late->id));
  ++counters_.retries;
  ++counters_.late;
  request_block(now, idle, *late->request.block, 0);
  return true;
}

}  // namespace cip::overlay
