#include "dht/announcer.hpp"

#include <algorithm>
#include <utility>

#include "base/machine.hpp"
#include "dht/commands.hpp"
#include "dht/routing_table.hpp"
#include "dht/signatures.hpp"

namespace cip::dht {

void Announcer::announce_key(Now now, const KeyPair& key) {
  node_->listen(key.public_key);
  insert(now, target_of_key(key.public_key), key).own_key = true;
  begin_due(now);
}

void Announcer::announce(Now now, const Target& target, const KeyPair& key) {
  insert(now, target, key);
  begin_due(now);
}

void Announcer::withdraw(Now now, const Target& target) {
  const auto* entry = find(target);
  if (entry == nullptr) return;
  if (entry->running != QueryId{}) node_->cancel(now, entry->running);
  if (entry->own_key) {
    node_->unlisten(entry->key.public_key);
    for (const auto& relay : relays_) node_->unannounce_at(now, relay.relay, target, entry->key);
    relays_.clear();
    ping_at_.reset();
  } else {
    QueryOptions options;
    options.start = entry->closest;
    node_->unannounce(now, target, entry->key, std::move(options));
  }
  std::erase_if(entries_, [&](const Entry& other) { return other.target == target; });
}

void Announcer::withdraw_all(Now now) {
  while (!entries_.empty()) withdraw(now, entries_.back().target);
}

Announcer::Entry* Announcer::find(const Target& target) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.target == target; });
  return found == entries_.end() ? nullptr : &*found;
}

Announcer::Entry& Announcer::insert(Now now, const Target& target, const KeyPair& key) {
  if (auto* known = find(target)) return *known;
  Entry entry;
  entry.target = target;
  entry.key = key;
  entry.due = now.mono;
  entries_.push_back(std::move(entry));
  return entries_.back();
}

// --- outputs of the node

void Announcer::handle_event(Now now, const Event& event) {
  if (const auto* done = std::get_if<QueryDone>(&event)) return handle_done(now, *done);
  if (const auto* done = std::get_if<RequestDone>(&event)) {
    if (!done->error) std::erase(pings_, done->request);
    return;
  }
  if (const auto* ready = std::get_if<Ready>(&event); ready != nullptr && ready->reached) {
    return hasten(now);
  }
  if (const auto* state = std::get_if<StateChanged>(&event)) {
    if (address_ && state->address != address_) hasten(now);
    address_ = state->address;
  }
}

// The network is another than it was: everything is announced anew, as fast as allowed.
void Announcer::hasten(Now now) {
  for (auto& entry : entries_) {
    entry.due = std::min(entry.due, now.mono);
    entry.again = kFirstAgain;
  }
  begin_due(now);
}

void Announcer::handle_done(Now now, const QueryDone& done) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.running != QueryId{} && entry.running == done.query;
  });
  if (found == entries_.end()) return;
  auto& entry = *found;
  entry.running = {};
  entry.closest.clear();
  for (const auto& contact : done.closest) entry.closest.push_back(contact.endpoint);
  const auto accepted = std::count_if(done.stored.begin(), done.stored.end(),
                                      [](const Stored& stored) { return stored.error == 0; });
  entry.holders = static_cast<std::size_t>(accepted) + (done.stored_here ? 1 : 0);
  if (entry.own_key) take_relays(now, entry, done);
  plan_next(now, entry, !done.error);
}

// Those that are relays no longer are asked to forget us.
void Announcer::take_relays(Now now, const Entry& entry, const QueryDone& done) {
  const auto former = std::exchange(relays_, {});
  for (const auto& stored : done.stored) {
    if (stored.error == 0) relays_.push_back({stored.node.endpoint, stored.own_address});
  }
  for (const auto& old : former) {
    const bool kept = std::any_of(relays_.begin(), relays_.end(),
                                  [&](const Relay& relay) { return relay.relay == old.relay; });
    if (!kept) node_->unannounce_at(now, old.relay, entry.target, entry.key);
  }
  pings_.clear();
  pinged_ = 0;
  ping_at_ = now.mono + kPingEvery;
}

void Announcer::plan_next(Now now, Entry& entry, bool success) {
  entry.table_size = node_->table().size();
  if (!success) {
    entry.due = now.mono + kRetry;
    return;
  }
  auto usual = entry.own_key ? kKeyEvery : kTargetEvery;
  if (!entry.own_key) {
    usual += Duration(random_->below(static_cast<std::uint64_t>(kTargetSpread.count())));
  }
  entry.due = now.mono + std::min(entry.again, usual);
  entry.again = std::min(2 * entry.again, usual);
}

// --- time

void Announcer::handle_timeout(Now now) {
  if (ping_at_ && *ping_at_ <= now.mono) ping_relays(now);
  begin_due(now);
}

std::optional<TimePoint> Announcer::next_timeout() const {
  Earliest out;
  out.consider(ping_at_);
  for (const auto& entry : entries_) {
    if (entry.running != QueryId{}) continue;
    out.consider(std::max(entry.due, next_start_));
  }
  return out.get();
}

// The own key first, as the others carry its relays. Then what was never announced, the newest
// first, since somebody may look at once for what was just made. Then what waits longest.
bool Announcer::goes_before(const Entry& entry, const Entry& earlier) {
  if (entry.own_key != earlier.own_key) return entry.own_key;
  if (entry.holders.has_value() != earlier.holders.has_value()) return !entry.holders;
  return !entry.holders || entry.due < earlier.due;
}

void Announcer::begin_due(Now now) {
  while (next_start_ <= now.mono) {
    Entry* next = nullptr;
    for (auto& entry : entries_) {
      if (entry.running != QueryId{} || entry.due > now.mono) continue;
      if (next == nullptr || goes_before(entry, *next)) next = &entry;
    }
    if (next == nullptr) return;
    next_start_ = std::max(next_start_, now.mono - (kBurst - 1) * kSpacing) + kSpacing;
    begin(now, *next);
  }
}

void Announcer::begin(Now now, Entry& entry) {
  QueryOptions options;
  if (entry.own_key) {
    options.replicas = kRelays;
    entry.running = node_->announce(now, entry.target, entry.key, {}, std::move(options));
  } else {
    options.start = entry.closest;
    entry.running =
        node_->announce(now, entry.target, entry.key, relay_addresses(), std::move(options));
  }
}

// One round: whoever did not answer the last one is no relay any more. The rounds go on without
// relays too, to see the table grow.
void Announcer::ping_relays(Now now) {
  ping_at_ = now.mono + kPingEvery;
  const bool lost = pinged_ > 0 && !pings_.empty();
  for (auto& entry : entries_) {
    const bool wanting = entry.own_key && (lost || relays_.empty()) && !node_->table().empty();
    if (!wanting && !has_grown(entry)) continue;
    entry.due = std::min(entry.due, now.mono);
    entry.again = kFirstAgain;
  }
  pings_.clear();
  for (const auto& relay : relays_) pings_.push_back(node_->ping(now, relay.relay));
  pinged_ = pings_.size();
}

bool Announcer::has_grown(const Entry& entry) const {
  return entry.holders && 2 * node_->table().size() > 3 * entry.table_size;
}

// --- what it knows

std::vector<Endpoint> Announcer::relay_addresses() const {
  std::vector<Endpoint> out;
  if (const auto own = node_->public_address()) out.push_back(*own);
  for (const auto& relay : relays_) {
    if (out.size() < kMaxRelayAddresses) out.push_back(relay.relay);
  }
  return out;
}

bool Announcer::is_announcing(const Target& target) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.target == target; });
}

std::optional<Target> Announcer::target_of(QueryId query) const {
  for (const auto& entry : entries_) {
    if (query != QueryId{} && entry.running == query) return entry.target;
  }
  return std::nullopt;
}

std::optional<std::size_t> Announcer::holders(const Target& target) const {
  for (const auto& entry : entries_) {
    if (entry.target == target) return entry.holders;
  }
  return std::nullopt;
}

Duration Announcer::lag(Now now) const {
  Duration out{};
  for (const auto& entry : entries_) {
    if (entry.running == QueryId{}) out = std::max(out, now.mono - entry.due);
  }
  return out;
}

}  // namespace cip::dht
