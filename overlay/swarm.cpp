#include "overlay/swarm.hpp"

#include <algorithm>
#include <utility>

#include "dht/announcer.hpp"
#include "dht/node.hpp"
#include "dht/payloads.hpp"

namespace cip::overlay {
namespace {

// Greetings whose late events are still told apart from those of others.
constexpr std::size_t kMaxGreeted = 256;

Duration doubled(Duration first, unsigned times, Duration longest) {
  auto out = first;
  for (unsigned i = 0; i < times && out < longest; ++i) out *= 2;
  return std::min(out, longest);
}

}  // namespace

Swarm::Swarm(dht::Node& node, Greeter& greeter, dht::Announcer* announcer, const KeyPair& identity,
             Random& random)
    : node_(node), greeter_(greeter), announcer_(announcer), identity_(identity), random_(random) {}
Swarm::~Swarm() = default;

// --- Commands --------------------------------------------------------------------------------

void Swarm::join(Now now, const Bytes32& target, JoinOptions options) {
  if (stopped_) return;
  auto& entry = targets_[target];
  const auto before = std::exchange(entry.options, options);
  if (announcer_ != nullptr && options.announce && !announcer_->is_announcing(target)) {
    announcer_->announce(now, target, identity_);
  }
  if (announcer_ != nullptr && !options.announce && before.announce) {
    announcer_->withdraw(now, target);
  }
  if (options.find && entry.query.value == 0 && !entry.due) begin_lookup(now, target, entry);
}

void Swarm::leave(Now now, const Bytes32& target) {
  const auto node = targets_.extract(target);
  if (node.empty()) return;
  const auto& entry = node.mapped();
  if (entry.query.value != 0) {
    lookups_.erase(entry.query);
    node_.cancel(now, entry.query);
  }
  if (announcer_ != nullptr && entry.options.announce) announcer_->withdraw(now, target);
  for (auto& [peer, candidate] : candidates_) {
    candidate.targets.erase(target);
    if (!candidate.is_wanted() && candidate.attempt != 0) greeter_.cancel(now, candidate.attempt);
  }
  std::erase_if(candidates_, [](const auto& item) {
    return !item.second.is_wanted() && !item.second.connected;
  });
}

void Swarm::add_candidate(Now now, const PublicKey& peer, const std::optional<Bytes32>& target,
                          std::vector<Endpoint> relays) {
  if (stopped_ || peer == identity_.public_key) return;
  auto* candidate = find(peer);
  if (candidate == nullptr) {
    if (!make_room()) return;
    candidate = &candidates_[peer];
    candidate->due = now.mono;
  }
  if (!relays.empty()) candidate->relays = std::move(relays);
  if (!target) {
    candidate->for_itself = true;
  } else if (candidate->targets.insert(*target).second) {
    events_.push(CandidateFound{*target, peer});
  }
  begin_attempts(now);
}

void Swarm::refresh(Now now, const Bytes32& target) {
  const auto found = targets_.find(target);
  if (found == targets_.end() || found->second.query.value != 0) return;
  begin_lookup(now, target, found->second);
}

void Swarm::stop(Now now) {
  stopped_ = true;
  for (const auto& [query, target] : std::exchange(lookups_, {})) node_.cancel(now, query);
  for (auto& [peer, candidate] : candidates_) {
    if (candidate.attempt != 0) greeter_.cancel(now, candidate.attempt);
  }
  targets_.clear();
  candidates_.clear();
}

// --- Lookups ---------------------------------------------------------------------------------

void Swarm::begin_lookup(Now now, const Bytes32& id, Target& target) {
  target.due.reset();
  target.named.clear();
  dht::QueryOptions options;
  options.start = target.closest;
  target.query = node_.lookup(now, id, options);
  lookups_[target.query] = id;
}

bool Swarm::handle_dht_event(Now now, const dht::Event& event) {
  if (const auto* reply = std::get_if<dht::QueryReply>(&event)) {
    auto id = std::optional<Bytes32>();
    const auto found = lookups_.find(reply->query);
    const bool own = found != lookups_.end();
    if (own) id = found->second;
    // An announce is a lookup as well.
    if (!own && announcer_ != nullptr) id = announcer_->target_of(reply->query);
    if (!id) return false;
    const auto target = targets_.find(*id);
    if (target != targets_.end() && target->second.options.find) {
      take_reply(now, *id, target->second, *reply);
    }
    return own;
  }
  if (const auto* done = std::get_if<dht::QueryDone>(&event)) {
    const auto found = lookups_.extract(done->query);
    if (found.empty()) return false;
    const auto target = targets_.find(found.mapped());
    if (target != targets_.end()) end_lookup(now, target->first, target->second, *done);
    return true;
  }
  return false;
}

void Swarm::take_reply(Now now, const Bytes32& id, Target& target, const dht::QueryReply& reply) {
  const auto lookup = dht::decode_lookup_reply(reply.value);
  if (!lookup) return;
  std::set<PublicKey> here;
  for (const auto& peer : lookup->peers) {
    if (peer.public_key == identity_.public_key || !here.insert(peer.public_key).second) continue;
    const auto named_by = ++target.named[peer.public_key];
    add_candidate(now, peer.public_key, id, peer.relay_addresses);
    auto* candidate = find(peer.public_key);
    if (candidate != nullptr) candidate->named_by = std::max(candidate->named_by, named_by);
  }
}

void Swarm::end_lookup(Now now, const Bytes32& id, Target& target, const dht::QueryDone& done) {
  target.query = {};
  target.closest.clear();
  for (const auto& contact : done.closest) target.closest.push_back(contact.endpoint);
  if (has_peer_for(id)) {
    target.fruitless = 0;
    const auto spread = static_cast<std::uint64_t>(kLookupJitter.count());
    target.due =
        now.mono + kLookupInterval + Duration(static_cast<Duration::rep>(random_.below(spread)));
  } else {
    target.due = now.mono + doubled(kFirstLookupInterval, target.fruitless, kLookupInterval);
    ++target.fruitless;
  }
  events_.push(LookupEnded{id, target.named.size(), done.error});
}

// Others may have come since the last lookup: they are not left to the long pause that follows one
// with a peer.
void Swarm::peer_lost(Now now, const Bytes32& id) {
  const auto found = targets_.find(id);
  if (found == targets_.end() || !found->second.due || has_peer_for(id)) return;
  auto& target = found->second;
  target.due = std::min(
      *target.due, now.mono + doubled(kFirstLookupInterval, target.fruitless, kLookupInterval));
}

bool Swarm::has_peer_for(const Bytes32& target) const {
  return std::any_of(candidates_.begin(), candidates_.end(), [&](const auto& item) {
    return item.second.connected && item.second.targets.contains(target);
  });
}

// --- Attempts --------------------------------------------------------------------------------

Swarm::Candidate* Swarm::find(const PublicKey& peer) {
  const auto found = candidates_.find(peer);
  return found != candidates_.end() ? &found->second : nullptr;
}

std::size_t Swarm::connected() const {
  return static_cast<std::size_t>(
      std::count_if(candidates_.begin(), candidates_.end(),
                    [](const auto& item) { return item.second.connected; }));
}

bool Swarm::has_free_attempt() const {
  const auto busy = static_cast<std::size_t>(std::ranges::count_if(
      candidates_, [](auto& item) { return item.second.attempt != 0 || item.second.dialling; }));
  return busy < kMaxAttempts && connected() + busy < kMaxSwarmPeers;
}

void Swarm::begin_attempts(Now now) {
  while (!stopped_ && has_free_attempt()) {
    std::pair<const PublicKey, Candidate>* next = nullptr;
    for (auto& item : candidates_) {
      const auto& candidate = item.second;
      if (candidate.connected || candidate.attempt != 0 || candidate.dialling) continue;
      if (!candidate.is_wanted() || candidate.due > now.mono) continue;
      if (next == nullptr || goes_first(candidate, next->second)) next = &item;
    }
    if (next == nullptr) return;
    greet(now, next->first, next->second, {});
  }
}

// Of two whose time has come.
bool Swarm::goes_first(const Candidate& one, const Candidate& other) const {
  const bool confirmed = one.named_by > 1, other_confirmed = other.named_by > 1;
  if (prefer_confirmed_ && confirmed != other_confirmed) return confirmed;
  return one.due < other.due;
}

void Swarm::greet(Now now, const PublicKey& peer, Candidate& candidate, GreetOptions options) {
  options.relays = candidate.relays;
  options.with_stream = true;
  candidate.dialling = false;
  candidate.attempt = greeter_.greet(now, peer, std::move(options));
  greeted_.insert(candidate.attempt);
  if (greeted_.size() > kMaxGreeted) greeted_.erase(greeted_.begin());
}

void Swarm::hello_failed(Now now, const HelloFailed& failed) {
  auto* candidate = find(failed.peer);
  if (candidate == nullptr || candidate->attempt != failed.id) return;
  fail(now, failed.peer, *candidate, failed.error, false);
}

bool Swarm::await_card(const HelloFailed& failed) {
  const bool unreached =
      failed.error == Errc::nobody_announces || failed.error == Errc::no_hello_answer;
  auto* candidate = find(failed.peer);
  if (!unreached || stopped_ || candidate == nullptr) return false;
  if (candidate->attempt != failed.id || !candidate->is_wanted()) return false;
  candidate->attempt = 0;
  candidate->dialling = true;
  return true;
}

bool Swarm::is_dialling(const PublicKey& peer) const {
  const auto found = candidates_.find(peer);
  return found != candidates_.end() && found->second.dialling;
}

void Swarm::hello_done(Now now, const HelloDone& done) {
  auto* candidate = find(done.peer);
  if (candidate == nullptr || candidate->attempt != done.id) return;
  candidate->attempt = 0;
  if (!done.peer_relays.empty()) candidate->relays = done.peer_relays;
  if (done.kind == PeerKind::stock && done.candidates.empty()) {
    // It is there and takes no stream; another version of it may, some day.
    return fail(now, done.peer, *candidate, make_error_code(Errc::hello_refused), true);
  }
  candidate->dialling = true;
}

bool Swarm::ask_back(Now now, const PublicKey& peer, Endpoint seen) {
  auto* candidate = find(peer);
  if (stopped_ || candidate == nullptr || !candidate->dialling) return false;
  GreetOptions options;
  options.dial_back = true;
  options.peer_seen = seen;
  greet(now, peer, *candidate, std::move(options));
  return true;
}

void Swarm::attempt_failed(Now now, const PublicKey& peer, std::error_code error) {
  auto* candidate = find(peer);
  if (candidate != nullptr && candidate->dialling) fail(now, peer, *candidate, error, false);
}

void Swarm::fail(Now now, const PublicKey& peer, Candidate& candidate, std::error_code error,
                 bool hopeless) {
  candidate.attempt = 0;
  candidate.dialling = false;
  const auto pause =
      hopeless ? kLongestBackoff : doubled(kFirstBackoff, candidate.failures, kLongestBackoff);
  ++candidate.failures;
  // Spread by a quarter, so that peers that failed together do not come back together.
  const auto spread = static_cast<std::uint64_t>(pause.count() / 4) + 1;
  candidate.due = now.mono + pause + Duration(static_cast<Duration::rep>(random_.below(spread)));
  events_.push(AttemptFailed{peer, error});
  if (!candidate.is_wanted()) candidates_.erase(peer);
  begin_attempts(now);
}

void Swarm::stream_up(Now now, const PublicKey& peer) {
  auto* candidate = find(peer);
  if (candidate == nullptr) return;
  if (candidate->attempt != 0) greeter_.cancel(now, candidate->attempt);
  candidate->attempt = 0;
  candidate->dialling = false;
  candidate->connected = true;
  candidate->failures = 0;
  begin_attempts(now);
}

void Swarm::stream_down(Now now, const PublicKey& peer) {
  auto* candidate = find(peer);
  if (candidate == nullptr) return;
  candidate->connected = false;
  if (!candidate->is_wanted()) {
    candidates_.erase(peer);
    return;
  }
  candidate->due = now.mono + kFirstBackoff;
  for (const auto& target : candidate->targets) peer_lost(now, target);
}

std::vector<Bytes32> Swarm::targets_of(const PublicKey& peer) const {
  const auto found = candidates_.find(peer);
  if (found == candidates_.end()) return {};
  return {found->second.targets.begin(), found->second.targets.end()};
}

std::vector<PublicKey> Swarm::candidates_for(const Bytes32& target) const {
  std::vector<PublicKey> out;
  for (const auto& [peer, candidate] : candidates_) {
    if (candidate.targets.contains(target)) out.push_back(peer);
  }
  return out;
}

// Room for one more candidate: of those that are not in use the one that failed most goes.
bool Swarm::make_room() {
  if (candidates_.size() < kMaxCandidates) return true;
  auto worst = candidates_.end();
  for (auto at = candidates_.begin(); at != candidates_.end(); ++at) {
    const auto& candidate = at->second;
    if (candidate.connected || candidate.attempt != 0 || candidate.dialling) continue;
    if (candidate.for_itself || candidate.failures == 0) continue;
    if (worst == candidates_.end() || candidate.failures > worst->second.failures) worst = at;
  }
  if (worst == candidates_.end()) return false;
  candidates_.erase(worst);
  return true;
}

// --- Time and outputs ------------------------------------------------------------------------

void Swarm::handle_timeout(Now now) {
  for (auto& [id, target] : targets_) {
    if (target.due && *target.due <= now.mono) begin_lookup(now, id, target);
  }
  begin_attempts(now);
}

std::optional<SwarmEvent> Swarm::poll_event() { return events_.pop(); }

std::optional<TimePoint> Swarm::next_timeout() const {
  Earliest next;
  for (const auto& [id, target] : targets_) {
    next.consider(target.due);
  }
  if (!has_free_attempt()) return next.get();
  for (const auto& [peer, candidate] : candidates_) {
    const bool waits = candidate.is_wanted() && !candidate.connected && candidate.attempt == 0 &&
                       !candidate.dialling;
    if (waits) next.consider(candidate.due);
  }
  return next.get();
}

}  // namespace cip::overlay
