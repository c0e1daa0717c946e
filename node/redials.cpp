#include "node/redials.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/peer_faults.hpp"

namespace cip::node {

Redials::Redials(Participant& participant, const Bytes32& discovery_key, Callbacks callbacks)
    : participant_(participant), discovery_key_(discovery_key), callbacks_(std::move(callbacks)) {}

bool Redials::try_again(const overlay::DialFailed& failed) {
  if (!is_closed_by_peer(failed.error)) return false;
  auto& peer = peers_.try_emplace(failed.to, participant_.io()).first->second;
  tell(failed.to, peer);
  wait(failed.to, peer);
  return true;
}

std::size_t Redials::waiting() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(peers_, [](const auto& peer) { return peer.second.waits; }));
}

void Redials::wait(const overlay::Candidate& to, Peer& peer) {
  peer.waits = true;
  peer.timer.expires_after(peer.pause);
  peer.paused += peer.pause;
  peer.pause = std::min(2 * peer.pause, kLongestRedialPause);
  peer.timer.async_wait([this, to, &peer, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    peer.waits = false;
    callbacks_.on_dialled(participant_.hub().dial(now(), to, {discovery_key_}));
    participant_.changed();
  });
}

void Redials::tell(const overlay::Candidate& to, Peer& peer) {
  if (peer.paused < kTellRedialsAfter || std::exchange(peer.told, true)) return;
  callbacks_.on_notice(
      fmt::format("{} closes connections during the handshake; it may be full, and is tried again",
                  to_string(to.address)));
}

}  // namespace cip::node
