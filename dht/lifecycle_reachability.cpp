// What a node knows of its own addresses, and how it finds out whether strangers reach them (dht.md
// 5 and 9).

#include <algorithm>

#include "dht/lifecycle.hpp"
#include "dht/payloads.hpp"

namespace cip::dht {

// What answers say about the socket that requests leave from: only the host tells something, unless
// that is the server socket because the user vouches for it.
void Lifecycle::sample(Endpoint seen, Endpoint from) {
  if (core_.is_interface(seen.ip)) return;
  sampler_.add(seen, from);
  const auto believed = sampler_.believed();
  if (!believed || believed->port == 0) return;
  const auto realm = believed->realm();
  const bool vouched = core_.options.mode == NodeOptions::Mode::persistent &&
                       core_.request_socket(from) == SocketRole::server;
  if (!vouched || core_.own.at(realm)) return;
  core_.own.set(*believed);
  update_id();
  publish_state();
}

void Lifecycle::consider_probe(Now now, Endpoint from, Endpoint seen) {
  const auto& options = core_.options;
  if (!options.client_socket || options.mode == NodeOptions::Mode::ephemeral) return;
  if (core_.reachable[index_of(seen.realm())] || probed_.size() >= kMaxProbes) return;
  if (core_.was_contacted(from)) return;
  const bool by_network = from.realm() == Realm::public_network;
  const bool again = std::any_of(probed_.begin(), probed_.end(), [&](Endpoint other) {
    return by_network ? other.subnet24() == from.subnet24() : other == from;
  });
  if (again) return;
  probed_.push_back(from);
  if (!probe_at_) probe_at_ = now.mono + probe_wait_;
  Call call;
  call.to = from;
  call.request.internal = true;
  call.request.command = static_cast<std::uint64_t>(InternalCommand::ping_nat);
  call.request.value = encode_port(options.server_port);
  call.purpose = Purpose::nat_probe;
  core_.send(now, std::move(call), SocketRole::client);
}

void Lifecycle::probe_again(Now now) {
  probe_at_.reset();
  probed_.clear();
  probe_wait_ = std::min(2 * probe_wait_, kLastProbe);
  const auto believed = sampler_.believed();
  for (const auto& member : core_.table.latest(kMaxProbes)) {
    const auto from = member.contact.endpoint;
    const auto address = core_.facing(from);
    const auto ip = address ? address->endpoint.ip : believed ? believed->ip : from.ip;
    consider_probe(now, from, {ip, core_.options.server_port});
  }
}

void Lifecycle::take_proof(Endpoint from, Endpoint seen) {
  if (core_.reachable[index_of(seen.realm())] || !is_believable(seen)) return;
  const bool one_is_enough = core_.options.private_overlay || seen.realm() != Realm::public_network;
  std::erase_if(proofs_, [&](const Proof& proof) { return proof.seen != seen; });
  const bool same_network = std::any_of(proofs_.begin(), proofs_.end(), [&](const Proof& proof) {
    return proof.from.subnet24() == from.subnet24();
  });
  if (!same_network) proofs_.push_back({from, seen});
  if (one_is_enough || proofs_.size() >= kProofsPublic) set_reachable(seen);
}

// Nothing translated an address of an own interface; any other must be what the others see too.
bool Lifecycle::is_believable(Endpoint seen) const {
  if (seen.port != core_.options.server_port) return false;
  if (core_.is_interface(seen.ip)) return true;
  const auto believed = sampler_.believed();
  return believed && believed->ip == seen.ip;
}

void Lifecycle::set_reachable(Endpoint seen) {
  for (std::size_t realm = 0; realm <= index_of(seen.realm()); ++realm) {
    core_.reachable[realm] = true;
  }
  core_.own.set(seen);
  proofs_.clear();
  probed_.clear();
  probe_at_.reset();
  probe_wait_ = kFirstProbe;
  update_id();
  publish_state();
}

// The id of the table is that of the widest realm in which strangers reach us.
void Lifecycle::update_id() {
  for (auto realm = kRealms; realm-- > 0;) {
    const auto& at = core_.own.at(static_cast<Realm>(realm));
    if (!at || !core_.reachable[realm]) continue;
    if (core_.options.mode == NodeOptions::Mode::ephemeral) return;
    if (core_.table.id() == at->id) return;
    core_.table.set_id(at->id);
    core_.records.set_id(at->id);
    walk_again_ = true;
    return;
  }
}

std::optional<Endpoint> Lifecycle::public_address() const {
  const auto& at = core_.own.at(Realm::public_network);
  if (!at || !core_.reachable[index_of(Realm::public_network)]) return std::nullopt;
  return at->endpoint;
}

bool Lifecycle::is_firewalled() const {
  for (auto realm = index_of(core_.widest_contact); realm < kRealms; ++realm) {
    if (core_.reachable[realm] && core_.own.at(static_cast<Realm>(realm))) return false;
  }
  return true;
}

NatView Lifecycle::nat_view() const {
  NatView out;
  for (std::size_t realm = 0; realm < kRealms; ++realm) {
    const auto& at = core_.own.at(static_cast<Realm>(realm));
    out.places[realm] = {static_cast<Realm>(realm), at ? std::optional(at->endpoint) : std::nullopt,
                         at.has_value() && core_.reachable[realm]};
  }
  out.believed = sampler_.believed();
  out.samples = sampler_.size();
  out.proofs = static_cast<unsigned>(proofs_.size());
  return out;
}

void Lifecycle::publish_state() {
  StateChanged state;
  state.id = core_.table.id();
  if (const auto& widest = core_.own.widest()) state.address = widest->endpoint;
  state.persistent = core_.is_persistent();
  state.firewalled = is_firewalled();
  const bool same =
      published_ && published_->id == state.id && published_->address == state.address &&
      published_->persistent == state.persistent && published_->firewalled == state.firewalled;
  if (same) return;
  published_ = state;
  core_.emit(state);
}

}  // namespace cip::dht
