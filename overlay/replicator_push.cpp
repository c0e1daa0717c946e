// Data that comes without a request: answers to conflict checks, and new blocks that are pushed to
// whoever says that it takes them (feeds.md 10.6, 10.7).

#include <algorithm>
#include <utility>

#include "overlay/replicator.hpp"
#include "overlay/replicator_peer.hpp"

namespace cip::overlay {

void Replicator::set_accept_push(bool accept) {
  if (std::exchange(accepts_push_, accept) == accept) return;
  need_syncs();
  dirty_ = true;
}

bool Replicator::handle_unrequested(Peer& peer, store::Proof proof) {
  apply_arrived();
  if (proof.upgrade && proof.upgrade->start == 0 && !proof.block && proof.fork == feed_.fork()) {
    conflict_checks_.emplace(feed_.check_conflict(std::move(proof)), peer.number);
    return true;
  }
  if (!accepts_push_ || !proof.block || proof.fork != feed_.fork() ||
      !is_wanted(proof.block->index)) {
    note_unasked(peer);
    return true;
  }
  Incoming incoming;
  incoming.peer = peer.number;
  incoming.block = proof.block->index;
  incoming.bytes = proof.block->value.size();
  // It was made for what the sender knows of us, which may be old: no proof of bad will.
  incoming.relied_on_earlier = true;
  incoming.pushed = true;
  in_flight_.set(proof.block->index);
  incoming_.insert(feed_.apply(std::move(proof)), incoming);
  return true;
}

bool Replicator::is_wanted(std::uint64_t block) const {
  return !feed_.has(block) &&
         std::any_of(downloads_.begin(), downloads_.end(), [&](const Download& download) {
           return !download.options.length_only && download.options.start <= block &&
                  block < download.end();
         });
}

// A block that was just appended, for peers that follow: it saves them the round trip of asking.
void Replicator::push(std::uint64_t block) {
  for (auto& [number, peer] : peers_) {
    const auto& remote = peer->remote;
    const auto from = std::max(remote.length, peer->pushed);
    if (!peer->synced || peer->ended || !remote.accepts_push || !remote.downloading) continue;
    if (remote.fork != feed_.fork() || from > block || peer->blocks.has(block)) continue;
    if (!streams_.is_writable(peer->conn) || pushing_.size() >= kMaxReplies) continue;
    store::ProofRequest wanted;
    wanted.fork = feed_.fork();
    wanted.block = {block, 0};
    wanted.upgrade = {from, block + 1 - from};
    wanted.manifest = from == 0;
    peer->pushed = block + 1;
    ++peer->pushes;
    pushing_.emplace(feed_.prove(wanted), number);
  }
}

bool Replicator::handle_push_proof(store::ProofReady& ready) {
  const auto found = pushing_.find(ready.ticket);
  if (found == pushing_.end()) return false;
  auto* peer = find(found->second);
  pushing_.erase(found);
  if (peer == nullptr) return true;
  --peer->pushes;
  if (!ready.proof || !ready.proof->block) return true;
  if (ready.proof->block->value.size() > kMaxPushedBlock) return true;
  if (!streams_.is_writable(peer->conn)) return true;
  ++counters_.pushes_sent;
  streams_.send(peer->conn, peer->channel, static_cast<std::uint32_t>(FeedMessage::data),
                encode_data(0, *ready.proof));
  return true;
}

}  // namespace cip::overlay
