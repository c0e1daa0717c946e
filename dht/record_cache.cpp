#include "dht/record_cache.hpp"

#include <algorithm>
#include <compare>
#include <iterator>

#include "base/fifo.hpp"
#include "base/machine.hpp"
#include "dht/commands.hpp"
#include "dht/generations.hpp"
#include "dht/signatures.hpp"

namespace cip::dht {

// At namespace scope, so that Generations finds place_of() for it.
struct RecordKey {
  Target topic{};
  PublicKey key{};

  auto operator<=>(const RecordKey&) const = default;
};
inline const Bytes32& place_of(const RecordKey& record) { return record.topic; }

namespace {

constexpr std::uint64_t kBumpDriftMs = 60'000;

// What a refresh brings back.
struct Refreshed {
  Target target{};
  Peer peer;
};

using Records = Generations<RecordKey, Peer>;

// All records of a topic in one generation.
auto records_of(const Records::Map& records, const Target& topic) {
  PublicKey last;
  last.fill(0xff);
  return std::pair(records.lower_bound({topic, PublicKey{}}), records.upper_bound({topic, last}));
}

void append_records(const Records::Map& records, const Target& topic,
                    std::vector<const Peer*>& out) {
  const auto [begin, end] = records_of(records, topic);
  for (auto it = begin; it != end; ++it) out.push_back(&it->second);
}

// The first n become a random choice.
void shuffle_front(std::vector<const Peer*>& peers, std::size_t n, Random& random) {
  for (std::size_t i = 0; i < n; ++i) {
    std::swap(peers[i], peers[i + random.pick(peers.size() - i)]);
  }
}

}  // namespace

struct RecordCache::State {
  explicit State(const Options& options)
      : records(limits(options, options.record_age, options.max_records)),
        forwards(limits(options, options.record_age, options.max_records)),
        bumps(limits(options, options.record_age, options.max_records)),
        refreshes(limits(options, options.record_age, options.max_records)),
        mutables(limits(options, options.value_age, options.max_values)),
        immutables(limits(options, options.value_age, options.max_values)) {}

  static GenerationLimits limits(const Options& options, Duration age, std::size_t entries) {
    return {age, entries, options.max_per_ip, options.max_per_subnet24, options.keep_closest};
  }
  template <typename Visit>
  void each(Visit visit) {
    visit(records);
    visit(forwards);
    visit(bumps);
    visit(refreshes);
    visit(mutables);
    visit(immutables);
  }

  Records records;
  Generations<Target, Forward> forwards;
  Generations<Target, std::uint64_t> bumps;
  Generations<Bytes32, Refreshed> refreshes;
  Generations<Target, MutableValue> mutables;
  Generations<Target, Bytes> immutables;
  std::uint64_t refused = 0;
  Fifo<RecordChange> changes;

  // A generation's verdict as ours, counted.
  template <typename Put>
  Stored told(Put put) {
    if (put == Put::stored) return Stored::stored;
    ++refused;
    return put == Put::over_quota ? Stored::over_quota : Stored::too_far;
  }
};

// A forward if the peer announces itself, else a record. A topic that is full loses one of its
// other records: peers of a popular topic are many, and any 20 of them serve.
RecordCache::Stored RecordCache::put_record(Now now, const Target& target, const Peer& peer,
                                            Endpoint from) {
  State& s = state();
  const RecordKey key{target, peer.public_key};
  if (target_of_key(peer.public_key) == target) {
    s.records.erase(key);
    const Stored stored = s.told(s.forwards.put(now.mono, id_, target, Forward{from, peer}, from));
    tell_dropped(RecordTable::forwards, s.forwards);
    if (stored == Stored::stored) {
      tell_written(now, RecordTable::forwards, target, save(SavedForward{from, peer}), s.forwards);
    }
    return stored;
  }
  const Stored stored = s.told(s.records.put(now.mono, id_, key, peer, from));
  tell_dropped(RecordTable::records, s.records);
  if (stored != Stored::stored) return stored;
  tell_written(now, RecordTable::records, record_key(target, peer.public_key),
               save(SavedRecord{target, peer}), s.records);
  const auto [begin, end] = records_of(s.records.fresh(), target);
  const auto n = static_cast<std::size_t>(std::distance(begin, end));
  if (n > options_.max_records_per_topic) {
    const auto place = distance_prefix(peer.public_key, id_.bytes) % (n - 1);
    auto lost = std::next(begin, static_cast<std::ptrdiff_t>(place));
    if (lost->first == key) ++lost;
    tell_gone(RecordTable::records, record_key(target, lost->first.key));
    s.records.erase(RecordKey(lost->first));
  }
  return stored;
}

namespace {

Bytes32 disk_key(const Target& target) { return target; }
Bytes32 disk_key(const RecordKey& record) { return record_key(record.topic, record.key); }

// The table's time until its next entry is forgotten, as a date.
UnixMillis date_of(Now now, TimePoint at) {
  const auto ahead = (at - now.mono) / std::chrono::milliseconds(1);
  return {now.wall.value + static_cast<std::uint64_t>(std::max<std::int64_t>(ahead, 0))};
}

}  // namespace

template <typename Table>
void RecordCache::tell_written(Now now, RecordTable kind, const Bytes32& key, Bytes value,
                               Table& table) {
  if (!options_.tell_changes || state_->changes.size() >= kMaxChanges) return;
  state_->changes.push({kind, key, std::move(value), date_of(now, table.expiry())});
}

template <typename Table>
void RecordCache::tell_dropped(RecordTable kind, Table& table) {
  for (const auto& gone : table.take_dropped()) tell_gone(kind, disk_key(gone));
}

void RecordCache::tell_gone(RecordTable kind, const Bytes32& key) {
  if (!options_.tell_changes || state_->changes.size() >= kMaxChanges) return;
  state_->changes.push({kind, key, std::nullopt, {}});
}

RecordCache::RecordCache() : RecordCache(Options{}) {}
RecordCache::RecordCache(Options options) : options_(options) {}
RecordCache::~RecordCache() = default;
RecordCache::RecordCache(RecordCache&&) noexcept = default;
RecordCache& RecordCache::operator=(RecordCache&&) noexcept = default;

void RecordCache::set_id(const NodeId& own_id) { id_ = own_id; }

RecordCache::State& RecordCache::state() {
  if (!state_) state_ = std::make_unique<State>(options_);
  return *state_;
}

RecordCache::Stored RecordCache::announce(Now now, const Announce& announce) {
  State& s = state();
  Peer peer = announce.peer;
  if (peer.relay_addresses.size() > kMaxRelayAddresses) {
    peer.relay_addresses.resize(kMaxRelayAddresses);
  }
  const Stored stored = put_record(now, announce.target, peer, announce.from);
  if (stored != Stored::stored) return stored;
  if (announce.bump != 0 && announce.bump <= now.wall.value + kBumpDriftMs) {
    const auto* known = s.bumps.read(now.mono, id_, announce.target);
    if (known == nullptr || *known < announce.bump) {
      s.bumps.put(now.mono, id_, announce.target, announce.bump, announce.from);
    }
  }
  if (announce.refresh) {
    s.refreshes.put(now.mono, id_, *announce.refresh, {announce.target, std::move(peer)},
                    announce.from);
  }
  return Stored::stored;
}

RecordCache::Stored RecordCache::refresh(Now now, const Target& target, const Bytes32& value,
                                         Endpoint from) {
  if (!state_) return Stored::unknown;
  const Bytes32 link = hash(value);
  const auto* known = state_->refreshes.read(now.mono, id_, link);
  if (known == nullptr || known->target != target) return Stored::unknown;
  Refreshed again = *known;
  const Stored stored = put_record(now, target, again.peer, from);
  if (stored != Stored::stored) return stored;
  state_->refreshes.erase(link);
  state_->refreshes.put(now.mono, id_, value, std::move(again), from);
  return Stored::stored;
}

void RecordCache::unannounce(Now now, const Target& target, const PublicKey& key) {
  if (!state_) return;
  expire(now);
  state_->records.erase({target, key});
  tell_gone(RecordTable::records, record_key(target, key));
  if (target_of_key(key) != target) return;
  state_->forwards.erase(target);
  tell_gone(RecordTable::forwards, target);
}

std::optional<LookupReply> RecordCache::lookup(Now now, const Target& target, Random& random) {
  if (!state_) return std::nullopt;
  state_->records.turn(now.mono);
  std::vector<const Peer*> peers;
  append_records(state_->records.fresh(), target, peers);
  append_records(state_->records.stale(), target, peers);
  const std::size_t chosen = std::min(peers.size(), kMaxPeersPerLookup);
  shuffle_front(peers, chosen, random);
  peers.resize(chosen);
  const auto* self = state_->forwards.read(now.mono, id_, target);
  if (self != nullptr && peers.size() < kMaxPeersPerLookup) peers.push_back(&self->peer);
  if (peers.empty()) return std::nullopt;

  LookupReply reply;
  for (const auto* peer : peers) reply.peers.push_back(*peer);
  if (const auto* bump = state_->bumps.read(now.mono, id_, target)) reply.bump = *bump;
  return reply;
}

std::optional<RecordCache::Forward> RecordCache::forward(Now now, const Target& target) {
  if (!state_) return std::nullopt;
  const auto* known = state_->forwards.read(now.mono, id_, target);
  if (known == nullptr) return std::nullopt;
  return *known;
}

RecordCache::Stored RecordCache::put_mutable(Now now, const Target& target,
                                             const MutableValue& value, Endpoint from) {
  State& s = state();
  if (const auto* known = s.mutables.read(now.mono, id_, target)) {
    if (value.seq < known->seq) return Stored::sequence_too_low;
    if (value.seq == known->seq && value.value != known->value) return Stored::sequence_reused;
  }
  const Stored stored = s.told(s.mutables.put(now.mono, id_, target, value, from));
  tell_dropped(RecordTable::mutables, s.mutables);
  if (stored == Stored::stored) {
    tell_written(now, RecordTable::mutables, target, save(value), s.mutables);
  }
  return stored;
}

std::optional<MutableValue> RecordCache::get_mutable(Now now, const Target& target,
                                                     std::uint64_t min_seq) {
  if (!state_) return std::nullopt;
  bool renewed = false;
  const auto* known = state_->mutables.read(now.mono, id_, target, &renewed);
  if (known == nullptr) return std::nullopt;
  if (renewed) tell_written(now, RecordTable::mutables, target, save(*known), state_->mutables);
  if (known->seq < min_seq) return std::nullopt;
  return *known;
}

RecordCache::Stored RecordCache::put_immutable(Now now, const Target& target, Bytes value,
                                               Endpoint from) {
  State& s = state();
  Bytes copy = options_.tell_changes ? save(value) : Bytes{};
  const Stored stored = s.told(s.immutables.put(now.mono, id_, target, std::move(value), from));
  tell_dropped(RecordTable::immutables, s.immutables);
  if (stored == Stored::stored) {
    tell_written(now, RecordTable::immutables, target, std::move(copy), s.immutables);
  }
  return stored;
}

std::optional<Bytes> RecordCache::get_immutable(Now now, const Target& target) {
  if (!state_) return std::nullopt;
  bool renewed = false;
  const auto* known = state_->immutables.read(now.mono, id_, target, &renewed);
  if (known == nullptr) return std::nullopt;
  if (renewed) {
    tell_written(now, RecordTable::immutables, target, save(*known), state_->immutables);
  }
  return *known;
}

std::optional<RecordChange> RecordCache::poll_change() {
  return state_ ? state_->changes.pop() : std::nullopt;
}

void RecordCache::restore(Now now, const RecordChange& saved) {
  if (!saved.value || saved.expires <= now.wall) return;
  const auto left = std::chrono::milliseconds(saved.expires.value - now.wall.value);
  State& s = state();
  const auto put = [&](auto& table, const auto& key, auto value) {
    // A clock that was set back must not make an entry live for ever.
    const Duration longest = table.expiry() - now.mono;
    table.restore(now.mono, id_, key, std::move(value), std::min<Duration>(left, longest));
  };
  expire(now);
  switch (saved.table) {
    case RecordTable::records:
      if (auto record = load_saved_record(*saved.value)) {
        put(s.records, RecordKey{record->topic, record->peer.public_key}, std::move(record->peer));
      }
      return;
    case RecordTable::forwards:
      if (auto forward = load_saved_forward(*saved.value)) {
        put(s.forwards, saved.key, Forward{forward->relay, std::move(forward->peer)});
      }
      return;
    case RecordTable::mutables:
      if (auto value = load_saved_mutable(*saved.value)) {
        put(s.mutables, saved.key, std::move(*value));
      }
      return;
    case RecordTable::immutables:
      if (auto value = load_saved_immutable(*saved.value)) {
        put(s.immutables, saved.key, std::move(*value));
      }
      return;
  }
}

void RecordCache::expire(Now now) {
  if (state_) state_->each([&](auto& table) { table.turn(now.mono); });
}

std::optional<TimePoint> RecordCache::next_timeout() const {
  Earliest next;
  if (state_) state_->each([&](const auto& table) { next.consider(table.next_turn()); });
  return next.get();
}

void RecordCache::clear() { state_.reset(); }

RecordCache::Counts RecordCache::counts() const {
  if (!state_) return {};
  const State& s = *state_;
  return {s.records.size(),  s.forwards.size(),   s.bumps.size(), s.refreshes.size(),
          s.mutables.size(), s.immutables.size(), s.refused};
}

}  // namespace cip::dht
