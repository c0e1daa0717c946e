#include "dht/routing_table.hpp"

#include <algorithm>
#include <tuple>

#include "base/assert.hpp"
#include "base/prefetch.hpp"
#include "dht/round_trip.hpp"

namespace cip::dht {
namespace {

constexpr std::size_t kMaxBuckets = 256;
constexpr Tick kRebasedAge = 0x7fff;  // what fits below a new base: 45 hours
// Slots are added in steps of an eighth: doubling would waste a third of a full table.
constexpr std::size_t kSmallestStep = 8;

}  // namespace

RoutingTable::RoutingTable(const NodeId& own_id, ContactArena& arena, Options options)
    : id_(own_id), arena_(&arena), options_(options) {
  CIP_ASSERT(options.k > 0);
}

RoutingTable::~RoutingTable() { release_all(); }

RoutingTable::RoutingTable(RoutingTable&&) noexcept = default;

RoutingTable& RoutingTable::operator=(RoutingTable&& other) noexcept {
  if (this == &other) return *this;
  release_all();
  id_ = other.id_;
  arena_ = other.arena_;
  options_ = other.options_;
  base_ = other.base_;
  slots_ = std::move(other.slots_);
  starts_ = std::move(other.starts_);
  other.slots_.clear();
  other.starts_.clear();
  return *this;
}

// --- adding and removing

RoutingTable::Heard RoutingTable::heard(Tick now, const Contact& contact,
                                        std::optional<Duration> round_trip) {
  auto slot = find(contact.id);
  Outcome outcome = Outcome::refreshed;
  if (slot) {
    mark_heard(now, *slot);
  } else {
    outcome = would_add(contact);
    if (outcome == Outcome::bucket_full) return {outcome, candidate(now, contact.id)};
    if (outcome != Outcome::added) return {outcome, std::nullopt};
    const ContactHandle handle = arena_->acquire(contact);
    if (handle == kNoContact) return {Outcome::arena_full, std::nullopt};
    const std::uint16_t tick = relative(now);
    const auto raw = static_cast<std::uint32_t>(handle);
    slot = insert({.handle_low = static_cast<std::uint16_t>(raw),
                   .handle_high = static_cast<std::uint16_t>(raw >> 16),
                   .added = tick,
                   .pinged = tick,
                   .seen = tick,
                   .key = 0,
                   .hints = 0,
                   .round_trip = 0},
                  contact.id);
  }
  auto& kept = slots_[*slot].round_trip;
  if (round_trip) kept = smooth_round_trip(kept, *round_trip);
  return {outcome, std::nullopt};
}

bool RoutingTable::refresh(Tick now, const NodeId& id) {
  const auto slot = find(id);
  if (slot) mark_heard(now, *slot);
  return slot.has_value();
}

void RoutingTable::mark_heard(Tick now, std::size_t slot) {
  const std::uint16_t tick = relative(now);
  slots_[slot].pinged = slots_[slot].seen = tick;
  slots_[slot].hints = 0;
}

RoutingTable::Outcome RoutingTable::replace(Tick now, const NodeId& old, const Contact& newcomer) {
  if (bucket_of(old) == bucket_of(newcomer.id)) remove(old);
  return heard(now, newcomer).outcome;
}

bool RoutingTable::remove(const NodeId& id) {
  const auto slot = find(id);
  if (slot) erase(*slot);
  return slot.has_value();
}

void RoutingTable::set_id(const NodeId& own_id) {
  auto old = std::move(slots_);
  slots_.clear();
  starts_.clear();
  id_ = own_id;
  std::stable_sort(old.begin(), old.end(),
                   [](const Slot& a, const Slot& b) { return a.added < b.added; });
  for (const Slot& slot : old) {
    const Contact& contact = (*arena_)[slot.handle()];
    if (would_add(contact) == Outcome::added) {
      insert(slot, contact.id);
    } else {
      arena_->release(slot.handle());
    }
  }
}

RoutingTable::Outcome RoutingTable::would_add(const Contact& newcomer) const {
  if (newcomer.id == id_) return Outcome::own_id;
  const Range bucket = range_of(bucket_of(newcomer.id));
  if (exceeds_caps(bucket, newcomer.endpoint)) return Outcome::too_many_of_network;
  return bucket.end - bucket.begin < options_.k ? Outcome::added : Outcome::bucket_full;
}

// One host or network cannot fill a bucket. Local addresses are exempt: there all share one.
bool RoutingTable::exceeds_caps(Range bucket, Endpoint newcomer) const {
  if (newcomer.realm() != Realm::public_network) return false;
  unsigned same_ip = 0;
  unsigned same_subnet = 0;
  for (std::size_t i = bucket.begin; i < bucket.end; ++i) {
    const Endpoint member = contact_at(i).endpoint;
    if (member.ip == newcomer.ip) ++same_ip;
    if (member.subnet24() == newcomer.subnet24()) ++same_subnet;
  }
  return (options_.max_per_ip != 0 && same_ip >= options_.max_per_ip) ||
         (options_.max_per_subnet24 != 0 && same_subnet >= options_.max_per_subnet24);
}

// The member pinged longest ago is in question, unless it is both proven by time and lively.
std::optional<Contact> RoutingTable::candidate(Tick now, const NodeId& newcomer) const {
  const Range bucket = range_of(bucket_of(newcomer));
  const Slot* oldest = nullptr;
  for (std::size_t i = bucket.begin; i < bucket.end; ++i) {
    const Slot& slot = slots_[i];
    if (absolute(slot.pinged) == now) continue;
    if (oldest == nullptr ||
        std::tie(slot.pinged, slot.added) < std::tie(oldest->pinged, oldest->added)) {
      oldest = &slot;
    }
  }
  if (oldest == nullptr) return std::nullopt;
  const bool lively = now - absolute(oldest->seen) < kRecentTicks;
  const bool proven = now - absolute(oldest->added) > kOldTicks;
  if (lively && proven) return std::nullopt;
  return (*arena_)[oldest->handle()];
}

std::size_t RoutingTable::insert(Slot slot, const NodeId& id) {
  const std::size_t bucket = bucket_of(id);
  if (bucket + 2 > starts_.size()) {
    starts_.resize(bucket + 2, static_cast<std::uint16_t>(slots_.size()));
  }
  slot.key = key_of(id.bytes, bucket);
  const std::size_t at = lower_bound(bucket, id);
  if (slots_.size() == slots_.capacity()) {
    slots_.reserve(slots_.size() + kSmallestStep + slots_.size() / 8);
  }
  slots_.insert(slots_.begin() + static_cast<std::ptrdiff_t>(at), slot);
  for (std::size_t i = bucket + 1; i < starts_.size(); ++i) ++starts_[i];
  return at;
}

void RoutingTable::erase(std::size_t slot) {
  const ContactHandle handle = slots_[slot].handle();
  const std::size_t bucket = bucket_of((*arena_)[handle].id);
  slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(slot));
  for (std::size_t i = bucket + 1; i < starts_.size(); ++i) --starts_[i];
  arena_->release(handle);
}

void RoutingTable::release_all() {
  for (const Slot& slot : slots_) arena_->release(slot.handle());
}

// What is beyond the deepest bucket is closest to the last members.
void RoutingTable::prefetch(const NodeId& id) const {
  const std::size_t k = options_.k;
  const std::size_t last = slots_.size() < k ? 0 : slots_.size() - k;
  const std::size_t first = std::min(range_of(bucket_of(id)).begin, last);
  base::prefetch(slots_.data() + first, (k + 1) * sizeof(Slot));
}

// --- finding one

std::size_t RoutingTable::bucket_of(const NodeId& id) const {
  return std::min<std::size_t>(shared_bits(id_, id), kMaxBuckets - 1);
}

std::uint16_t RoutingTable::key_of(const Bytes32& id, std::size_t bucket) {
  const std::size_t first = bucket + 1;
  std::uint32_t bits = 0;
  for (std::size_t byte = first / 8; byte < first / 8 + 3; ++byte) {
    bits = bits << 8 | (byte < id.size() ? id[byte] : 0u);
  }
  return static_cast<std::uint16_t>(bits >> (8 - first % 8));
}

std::size_t RoutingTable::bucket_size(std::size_t bucket) const {
  const Range range = range_of(bucket);
  return range.end - range.begin;
}

std::size_t RoutingTable::lower_bound(std::size_t bucket, const NodeId& id) const {
  const std::uint16_t key = key_of(id.bytes, bucket);
  Range range = range_of(bucket);
  while (range.begin < range.end) {
    const std::size_t middle = (range.begin + range.end) / 2;
    const std::uint16_t other = slots_[middle].key;
    if (other != key ? other < key : contact_at(middle).id < id) {
      range.begin = middle + 1;
    } else {
      range.end = middle;
    }
  }
  return range.begin;
}

std::optional<std::size_t> RoutingTable::find(const NodeId& id) const {
  const std::size_t bucket = bucket_of(id);
  const std::size_t at = lower_bound(bucket, id);
  if (at == range_of(bucket).end || contact_at(at).id != id) return std::nullopt;
  return at;
}

bool RoutingTable::contains(const NodeId& id) const { return find(id).has_value(); }

std::optional<RoutingTable::Member> RoutingTable::member(const NodeId& id) const {
  const auto slot = find(id);
  if (!slot) return std::nullopt;
  return member_at(*slot);
}

RoutingTable::Member RoutingTable::member_at(std::size_t slot) const {
  const Slot& it = slots_[slot];
  return {contact_at(slot),  absolute(it.added), absolute(it.pinged),
          absolute(it.seen), it.hints,           decode_round_trip(it.round_trip)};
}

// --- times

// Ticks since the base, which moves up first if they would not fit.
std::uint16_t RoutingTable::relative(Tick now) {
  if (slots_.empty()) base_ = now - 1;
  if (now - base_ > UINT16_MAX) {
    const Tick shift = now - base_ - kRebasedAge;
    const auto moved = [&](std::uint16_t tick) {
      return static_cast<std::uint16_t>(tick > shift ? tick - shift : 1);
    };
    for (Slot& slot : slots_) {
      slot.added = moved(slot.added);
      slot.pinged = moved(slot.pinged);
      slot.seen = moved(slot.seen);
    }
    base_ += shift;
  }
  return static_cast<std::uint16_t>(now - base_);
}

void RoutingTable::mark_pinged(Tick now, const NodeId& id) {
  const auto slot = find(id);
  if (slot) slots_[*slot].pinged = relative(now);
}

bool RoutingTable::take_down_hint(Tick now, const NodeId& id) {
  const auto found = find(id);
  if (!found) return false;
  Slot& slot = slots_[*found];
  if (absolute(slot.pinged) == now && slot.hints > 0) return false;
  if (slot.hints < UINT8_MAX) ++slot.hints;
  return true;
}

std::optional<Duration> RoutingTable::round_trip(const NodeId& id) const {
  const auto slot = find(id);
  return slot ? decode_round_trip(slots_[*slot].round_trip) : std::nullopt;
}

// --- finding many

std::vector<RoutingTable::Member> RoutingTable::oldest(std::size_t count) const {
  return ordered(count, true);
}

std::vector<RoutingTable::Member> RoutingTable::latest(std::size_t count) const {
  return ordered(count, false);
}

// Few of many are wanted: one look at each slot, and most are not among them. Of those that are
// equal the first ones count.
std::vector<RoutingTable::Member> RoutingTable::ordered(std::size_t count,
                                                        bool oldest_first) const {
  struct Chosen {
    std::uint32_t time;
    std::size_t slot;
  };
  std::vector<Chosen> chosen;
  count = std::min(count, size());
  chosen.reserve(count + 1);
  for (std::size_t i = 0; i < size() && count > 0; ++i) {
    const std::uint32_t heard = std::uint32_t{slots_[i].seen} << 16 | slots_[i].pinged;
    const std::uint32_t time = oldest_first ? heard : ~heard;
    if (chosen.size() == count && time >= chosen.back().time) continue;
    const auto at = std::ranges::upper_bound(chosen, time, {}, &Chosen::time);
    chosen.insert(at, {time, i});
    if (chosen.size() > count) chosen.pop_back();
  }
  std::vector<Member> out;
  out.reserve(count);
  for (const Chosen& one : chosen) out.push_back(member_at(one.slot));
  return out;
}

std::optional<Contact> RoutingTable::random_member(Random& random) const {
  if (empty()) return std::nullopt;
  return contact_at(random.pick(size()));
}

std::vector<RoutingTable::Member> RoutingTable::members() const {
  std::vector<Member> out;
  out.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) out.push_back(member_at(i));
  return out;
}

std::size_t RoutingTable::memory_bytes() const {
  return sizeof *this + slots_.capacity() * sizeof(Slot) + starts_.capacity() * sizeof(starts_[0]);
}

}  // namespace cip::dht
