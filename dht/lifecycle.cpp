#include "dht/lifecycle.hpp"
#include "base/machine.hpp"

#include <algorithm>
#include <utility>

namespace cip::dht {
namespace {

std::uint64_t pack(Endpoint endpoint) { return std::uint64_t{endpoint.ip} << 16 | endpoint.port; }
Endpoint unpack(std::uint64_t packed) {
  return {static_cast<std::uint32_t>(packed >> 16), static_cast<std::uint16_t>(packed)};
}

}  // namespace

void Lifecycle::start(Now now) {
  core_.epoch = now.mono;
  core_.last_query = now.mono;
  core_.running = true;
  adopt_interfaces();
  core_.reachable[index_of(Realm::loopback)] = true;
  if (core_.options.mode == NodeOptions::Mode::persistent) core_.reachable.fill(true);
  // A first node has nobody to ask; where it can be reached is known from its interfaces.
  if (!has_contacts()) {
    core_.reachable[index_of(Realm::private_network)] = true;
    if (core_.options.private_overlay) core_.reachable.fill(true);
  }
  update_id();
  walk_again_ = false;
  bootstrap(now);
  publish_state();
}

void Lifecycle::stop() {
  core_.running = false;
  retry_at_.reset();
  probe_at_.reset();
  check_at_.reset();
}

bool Lifecycle::has_contacts() const {
  const auto& options = core_.options;
  return !options.bootstrap.empty() || !options.known.empty() || !core_.table.empty();
}

// One address per realm: the first interface in it, or for the public one what the user says.
void Lifecycle::adopt_interfaces() {
  const auto& options = core_.options;
  for (std::size_t realm = 0; realm < kRealms; ++realm) {
    const auto& at = core_.own.at(static_cast<Realm>(realm));
    if (at && !core_.is_interface(at->endpoint.ip)) continue;  // learned from others
    core_.own.clear(static_cast<Realm>(realm));
    const auto first = std::find_if(options.interfaces.begin(), options.interfaces.end(),
                                    [&](auto ip) { return index_of(realm_of(ip)) == realm; });
    if (first != options.interfaces.end()) core_.own.set({*first, options.server_port});
  }
  if (options.public_ip) core_.own.set({*options.public_ip, options.server_port});
}

// Without an address that it had, a node is in another place: as if it had slept, contacts are
// checked and strangers have to reach it anew.
void Lifecycle::set_interfaces(Now now, std::vector<std::uint32_t> interfaces) {
  bool is_elsewhere = false;
  for (std::size_t realm = 0; realm < kRealms; ++realm) {
    const auto& at = core_.own.at(static_cast<Realm>(realm));
    if (!at || !core_.is_interface(at->endpoint.ip)) continue;
    if (std::ranges::count(interfaces, at->endpoint.ip) > 0) continue;
    core_.own.clear(static_cast<Realm>(realm));
    is_elsewhere = true;
  }
  core_.options.interfaces = std::move(interfaces);
  adopt_interfaces();
  if (is_elsewhere) wake_up(now);
  update_id();
  publish_state();
}

void Lifecycle::add_bootstrap(Now now, Endpoint contact) {
  if (NodeCore::is_refused(contact) || core_.is_own(contact)) return;
  if (!core_.is_named(contact)) core_.options.bootstrap.push_back(contact);
  core_.dead.forget(contact);
  retry_wait_ = kFirstRetry;
  if (boot_ == QueryId{}) bootstrap(now);
}

void Lifecycle::introduce(Now now, Endpoint contact) {
  if (NodeCore::is_refused(contact) || core_.is_own(contact)) return;
  if (core_.is_foreign(contact)) return core_.drop(DropReason::foreign_realm);
  if (core_.table.contains(core_.arena.id_of(contact)) || core_.rpc.is_asking(contact)) return;
  ping(now, contact, Purpose::acquaint);
}

void Lifecycle::assume(Now now, std::span<const Contact> proven) {
  for (const auto& contact : proven) {
    if (core_.is_own(contact.endpoint)) continue;
    core_.table.heard(core_.tick(now), contact);
    core_.widest_contact = std::max(core_.widest_contact, contact.endpoint.realm());
  }
  if (core_.options.upkeep && !check_at_) check_at_ = now.mono + kCheckEvery;
}

// --- bootstrap

void Lifecycle::bootstrap(Now now) {
  retry_at_.reset();
  if (!has_contacts()) {
    core_.ready = true;
    if (!announced_ready_) core_.emit(Ready{.reached = false});
    announced_ready_ = true;
    return;
  }
  walk(now, core_.table.id().bytes);
}

void Lifecycle::walk(Now now, const Target& target, QueryOptions options) {
  QueryTask task;
  task.upkeep = true;
  boot_ = queries_.begin(now, target, std::move(task), std::move(options));
}

void Lifecycle::settle(Now now) {
  while (const auto done = queries_.poll_upkeep_done()) {
    if (done->first == boot_) finish_bootstrap(now, done->second);
  }
  if (walk_again_ && boot_ == QueryId{} && core_.running && core_.ready) {
    walk_again_ = false;
    if (!core_.table.empty()) walk(now, core_.table.id().bytes);
  }
}

void Lifecycle::finish_bootstrap(Now now, unsigned answers) {
  boot_ = {};
  if (!core_.running) return;
  if (!announced_ready_ || (answers > 0 && !reached_)) core_.emit(Ready{.reached = answers > 0});
  reached_ = reached_ || answers > 0;
  announced_ready_ = true;
  if (answers > 0) {
    core_.ready = true;
    retry_wait_ = kFirstRetry;
    if (core_.options.upkeep && !check_at_) check_at_ = now.mono + kCheckEvery;
    return;
  }
  if (!core_.table.empty()) return;
  retry_at_ = now.mono + retry_wait_;
  retry_wait_ = std::min(2 * retry_wait_, kLastRetry);
}

// --- contacts

void Lifecycle::note_request(Now now, SocketRole local, Endpoint from, const Request& request) {
  const bool is_own =
      core_.is_interface(from.ip) && from.port != 0 && from.port == core_.options.client_port;
  const bool stranger = local == SocketRole::server && core_.options.client_socket && !is_own;
  if (stranger && core_.options.private_overlay && core_.is_interface(request.to.ip) &&
      request.to.port == core_.options.server_port && !core_.was_contacted(from)) {
    take_proof(from, request.to);
  }
  if (!request.id) return;
  const auto id = core_.arena.id_of(from);
  if (request.id != id) return;
  if (core_.is_foreign(from)) return core_.drop(DropReason::foreign_realm);
  const auto tick = core_.tick(now);
  if (core_.table.refresh(tick, id)) return lost_.forget(from);
  // A source can be forged, so a newcomer has to answer first.
  if (core_.rpc.is_asking(from)) return;
  const auto would = core_.table.would_add({id, from});
  const auto asking = core_.rpc.count(Purpose::acquaint);
  // A ping into a full bucket is not worth two more: each of those would meet a full bucket again,
  // and upkeep would feed on itself through the whole network.
  const bool may_challenge = would == RoutingTable::Outcome::bucket_full && asking == 0 &&
                             !request.is(InternalCommand::ping) && may_replace(now) &&
                             core_.table.candidate(tick, id).has_value();
  const bool worth = would == RoutingTable::Outcome::added || may_challenge;
  if (!worth || asking >= kMaxAcquaintances) return;
  ping(now, from, Purpose::acquaint);
}

void Lifecycle::note_reply(Now now, SocketRole local, const Contact& asked,
                           const Rpc::Answered& answered, const Reply& reply) {
  const auto from = asked.endpoint;
  core_.last_heard = now.mono;
  core_.dead.forget(from);
  if (core_.options.reflection_budget) core_.budget.prove(now.mono, from.ip);
  const auto purpose = answered.call.purpose;
  const bool valid = reply.id == asked.id;
  if (purpose == Purpose::nat_probe) {
    const bool proof = local == SocketRole::server && !core_.was_contacted(from);
    if (proof) take_proof(from, reply.to);
    return;
  }
  // On the other socket its `to` says nothing about our NAT.
  if (local == core_.request_socket(from)) sample(reply.to, from);
  // The stock node takes a member for dead that it heard of in this very tick (dht.md 20, 1).
  const bool fooled = !core_.options.defences.careful_hints && purpose == Purpose::check &&
                      answered.call.owner == core_.tick(now);
  if (fooled) return static_cast<void>(core_.table.remove(asked.id));
  // A member that answers without its id is no node of the DHT any more.
  if (purpose == Purpose::check && !valid) core_.table.remove(asked.id);
  if (purpose == Purpose::replace && !valid) {
    const auto newcomer = unpack(answered.call.owner);
    core_.table.replace(core_.tick(now), asked.id, {core_.arena.id_of(newcomer), newcomer});
  }
  if (!valid) return;
  if (core_.is_foreign(from)) return core_.drop(DropReason::foreign_realm);
  const bool was_empty = core_.table.empty();
  hear(now, asked, answered.retransmitted ? std::nullopt : std::optional(answered.round_trip));
  consider_probe(now, from, reply.to);
  if (was_empty && boot_ == QueryId{}) bootstrap(now);
}

void Lifecycle::hear(Now now, const Contact& contact, std::optional<Duration> round_trip) {
  const auto tick = core_.tick(now);
  const auto heard = core_.table.heard(tick, contact, round_trip);
  lost_.forget(contact.endpoint);
  switch (heard.outcome) {
    case RoutingTable::Outcome::added: {
      const auto realm = contact.endpoint.realm();
      if (realm > core_.widest_contact) {
        core_.widest_contact = realm;
        publish_state();
      }
      if (core_.options.upkeep && core_.ready && !check_at_) check_at_ = now.mono + kCheckEvery;
      return;
    }
    case RoutingTable::Outcome::bucket_full:
      break;
    default:
      return;
  }
  if (!heard.candidate || !may_replace(now)) return;
  replaced_at_ = tick;
  core_.table.mark_pinged(tick, heard.candidate->id);
  ping(now, heard.candidate->endpoint, Purpose::replace, pack(contact.endpoint));
}

// A full bucket is good as it is. Stock asks one of its members for every newcomer that it hears
// of, which triples the traffic of a network whose tables are full.
bool Lifecycle::may_replace(Now now) const {
  if (!core_.options.upkeep || !core_.ready) return false;
  const Tick pause = is_calm(now) ? kCalmReplaceTicks : 1;
  if (replaced_at_ && core_.tick(now) - *replaced_at_ < pause) return false;
  return core_.rpc.count(Purpose::replace) < kMaxReplacements;
}

void Lifecycle::note_failure(Now now, const Rpc::Overdue& overdue) {
  const auto& call = overdue.call;
  const Contact contact{core_.arena.id_of(call.to), call.to};
  switch (call.purpose) {
    case Purpose::replace: {
      const auto newcomer = unpack(call.owner);
      if (core_.table.contains(contact.id)) note_lost(now, contact);
      core_.table.replace(core_.tick(now), contact.id, {core_.arena.id_of(newcomer), newcomer});
      break;
    }
    case Purpose::query:
    case Purpose::commit:
    case Purpose::check:
      lose(now, contact);
      break;
    case Purpose::detached:
      if (call.retries > 1) lose(now, contact);
      break;
    default:
      return;
  }
  remember_dead(now, overdue);
}

void Lifecycle::lose(Now now, const Contact& member) {
  if (core_.table.remove(member.id)) note_lost(now, member);
}

void Lifecycle::note_lost(Now now, const Contact& member) {
  lost_.add(now.mono, member.endpoint);
  lost_at_ = core_.tick(now);
}

void Lifecycle::try_lost(Now now) {
  const auto lost = lost_.poll(now.mono);
  if (lost && !core_.rpc.is_asking(*lost)) ping(now, *lost, Purpose::acquaint);
}

// Whoever is silent twice is left out of further walks, or each would wait for it anew; the
// transmissions that follow bring it back if it answers.
void Lifecycle::note_late(Now now, const Rpc::Overdue& overdue) {
  if (overdue.unanswered >= 2 && overdue.call.purpose == Purpose::query)
    remember_dead(now, overdue);
}

// If nobody answered meanwhile, the trouble may be ours.
void Lifecycle::remember_dead(Now now, const Rpc::Overdue& overdue) {
  const bool others_answered = core_.last_heard > overdue.begun;
  const bool remember = core_.options.defences.remember_dead;
  if (remember && overdue.call.retries > 1 && others_answered) {
    core_.dead.add(now.mono, overdue.call.to);
  }
}

void Lifecycle::ping(Now now, Endpoint to, Purpose purpose, std::uint64_t owner) {
  Call call;
  call.to = to;
  call.request.internal = true;
  call.request.command = static_cast<std::uint64_t>(InternalCommand::ping);
  call.purpose = purpose;
  call.owner = owner;
  core_.send(now, std::move(call));
}

void Lifecycle::check_oldest(Now now) {
  const auto tick = core_.tick(now);
  std::size_t count = is_calm(now) ? 2 : core_.rpc.in_flight() > 2 ? 3 : 5;
  const auto members = core_.table.oldest(count);
  if (members.empty()) return;
  if (tick - members.front().pinged < kRecentTicks) count = std::min<std::size_t>(count, 2);
  for (const auto& member : members) {
    if (count-- == 0) break;
    if (core_.rpc.is_asking(member.contact.endpoint)) continue;
    core_.table.mark_pinged(tick, member.contact.id);
    ping(now, member.contact.endpoint, Purpose::check);
  }
}

// --- time

void Lifecycle::handle_timeout(Now now) {
  if (!core_.running) return;
  const auto due = next_timeout();
  if (due && now.mono - *due > kSleep) wake_up(now);
  if (retry_at_ && *retry_at_ <= now.mono) bootstrap(now);
  if (probe_at_ && *probe_at_ <= now.mono) probe_again(now);
  if (!check_at_ || *check_at_ > now.mono) return;
  check_at_ = now.mono + kCheckEvery;
  try_lost(now);
  if (core_.table.empty()) {
    if (lost_.empty()) check_at_.reset();  // comes back with the first contact
    if (has_contacts() && boot_ == QueryId{}) bootstrap(now);
    return;
  }
  check_oldest(now);
  const bool idle = now.mono - core_.last_query >= (is_calm(now) ? 2 : 1) * kRefreshAfter;
  if (idle && boot_ == QueryId{}) refresh(now);
}

// Every other time towards the own id, from the far half of the network. A walk from what is close
// ends there: two networks that grew apart and full would never hear of each other's nodes next to
// them, though both know the same nodes elsewhere.
void Lifecycle::refresh(Now now) {
  const auto member = core_.table.random_member(core_.random);
  refreshes_from_afar_ = !refreshes_from_afar_;
  if (!refreshes_from_afar_ && member) return walk(now, member->id.bytes);
  const auto& own = core_.table.id().bytes;
  auto elsewhere = core_.random.bytes<32>();
  elsewhere[0] = static_cast<std::uint8_t>((elsewhere[0] & 0x7f) | (~own[0] & 0x80));
  QueryOptions options;
  for (const auto& far : core_.table.closest(elsewhere, core_.options.k)) {
    options.start.push_back(far.endpoint);
  }
  walk(now, own, std::move(options));
}

// After a pause nothing that was known of others can be trusted, and the network may be another.
void Lifecycle::wake_up(Now now) {
  core_.slept += kSleepTicks;
  lost_at_ = core_.tick(now);
  core_.dead.clear();
  if (core_.options.upkeep) {
    check_at_ = now.mono;
    core_.last_query = now.mono - kRefreshAfter;
  }
  if (!core_.options.client_socket || core_.table.empty()) return;
  if (core_.options.mode != NodeOptions::Mode::adaptive) return;
  core_.reachable[index_of(Realm::private_network)] = false;
  core_.reachable[index_of(Realm::public_network)] = false;
  core_.contacted.clear();
  probe_at_ = now.mono + kTick;
  publish_state();
}

std::optional<TimePoint> Lifecycle::next_timeout() const {
  return earliest({retry_at_, probe_at_, check_at_});
}

std::size_t Lifecycle::memory_bytes() const {
  return proofs_.capacity() * sizeof(Proof) + probed_.capacity() * sizeof(Endpoint) +
         lost_.memory_bytes();
}

}  // namespace cip::dht
