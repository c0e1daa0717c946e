#include "dht/record_cache.hpp"

#include <algorithm>
#include <compare>
#include <iterator>

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
    std::swap(peers[i], peers[i + static_cast<std::size_t>(random.below(peers.size() - i))]);
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
    return {age, entries, options.max_per_ip, options.max_per_subnet24};
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

  // A generation's verdict as ours, counted.
  template <typename Put>
  Stored told(Put put) {
    if (put == Put::stored) return Stored::stored;
    ++refused;
    return put == Put::over_quota ? Stored::over_quota : Stored::too_far;
  }
  Stored put_record(Now now, const NodeId& own_id, const Target& target, const Peer& peer,
                    Endpoint from, std::size_t max_per_topic);
};

// A forward if the peer announces itself, else a record. A topic that is full loses one of its
// other records: peers of a popular topic are many, and any 20 of them serve.
RecordCache::Stored RecordCache::State::put_record(Now now, const NodeId& own_id,
                                                   const Target& target, const Peer& peer,
                                                   Endpoint from, std::size_t max_per_topic) {
  const RecordKey key{target, peer.public_key};
  if (target_of_key(peer.public_key) == target) {
    records.erase(key);
    return told(forwards.put(now.mono, own_id, target, Forward{from, peer}, from));
  }
  const Stored stored = told(records.put(now.mono, own_id, key, peer, from));
  const auto [begin, end] = records_of(records.fresh(), target);
  const auto n = static_cast<std::size_t>(std::distance(begin, end));
  if (stored == Stored::stored && n > max_per_topic) {
    const auto place = distance_prefix(peer.public_key, own_id.bytes) % (n - 1);
    auto lost = std::next(begin, static_cast<std::ptrdiff_t>(place));
    if (lost->first == key) ++lost;
    records.erase(RecordKey(lost->first));
  }
  return stored;
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
  const Stored stored =
      s.put_record(now, id_, announce.target, peer, announce.from, options_.max_records_per_topic);
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
  const Stored stored =
      state_->put_record(now, id_, target, again.peer, from, options_.max_records_per_topic);
  if (stored != Stored::stored) return stored;
  state_->refreshes.erase(link);
  state_->refreshes.put(now.mono, id_, value, std::move(again), from);
  return Stored::stored;
}

void RecordCache::unannounce(Now now, const Target& target, const PublicKey& key) {
  if (!state_) return;
  expire(now);
  state_->records.erase({target, key});
  if (target_of_key(key) == target) state_->forwards.erase(target);
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
  return s.told(s.mutables.put(now.mono, id_, target, value, from));
}

std::optional<MutableValue> RecordCache::get_mutable(Now now, const Target& target,
                                                     std::uint64_t min_seq) {
  if (!state_) return std::nullopt;
  const auto* known = state_->mutables.read(now.mono, id_, target);
  if (known == nullptr || known->seq < min_seq) return std::nullopt;
  return *known;
}

RecordCache::Stored RecordCache::put_immutable(Now now, const Target& target, Bytes value,
                                               Endpoint from) {
  State& s = state();
  return s.told(s.immutables.put(now.mono, id_, target, std::move(value), from));
}

std::optional<Bytes> RecordCache::get_immutable(Now now, const Target& target) {
  if (!state_) return std::nullopt;
  const auto* known = state_->immutables.read(now.mono, id_, target);
  if (known == nullptr) return std::nullopt;
  return *known;
}

void RecordCache::expire(Now now) {
  if (state_) state_->each([&](auto& table) { table.turn(now.mono); });
}

std::optional<TimePoint> RecordCache::next_timeout() const {
  std::optional<TimePoint> next;
  if (!state_) return next;
  state_->each([&](const auto& table) {
    const auto due = table.next_turn();
    if (due && (!next || *due < *next)) next = due;
  });
  return next;
}

void RecordCache::clear() { state_.reset(); }

RecordCache::Counts RecordCache::counts() const {
  if (!state_) return {};
  const State& s = *state_;
  return {s.records.size(),  s.forwards.size(),   s.bumps.size(), s.refreshes.size(),
          s.mutables.size(), s.immutables.size(), s.refused};
}

}  // namespace cip::dht
