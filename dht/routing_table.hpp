#pragma once

// The k-buckets of one node (dht.md 7).
//
// Bucket i holds contacts that share exactly i leading bits with our id. All buckets lie one after
// the other in one flat array of 14 byte slots; ids and endpoints are in the ContactArena. A slot
// repeats the 16 bits of its id that follow those of its bucket: they nearly always tell two
// members apart, so that the table finds and sorts without a look at the contacts. The table
// decides nothing over time by itself: it answers what to do (whom to ping before a newcomer may
// enter) and is told what came of it.
//
// Where we differ from npm kademlia-routing-table: closest() gives the true closest, sorted; a
// bucket holds at most 2 contacts of one IP and 4 of one /24 (not of private and loopback ones).
//
// Times are ticks of 5 s. Invariants: no bucket holds more than k; slots are ordered by bucket and
// within one by id; each slot owns one reference of its contact.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/contact.hpp"
#include "dht/node_id.hpp"

namespace cip::dht {

using Tick = std::uint32_t;
inline constexpr Tick kRecentTicks = 12;  // 1 min: heard of lately
inline constexpr Tick kOldTicks = 360;    // 30 min: there for long

class RoutingTable {
 public:
  struct Options {
    std::uint8_t k = 20;
    std::uint8_t max_per_ip = 2;        // per bucket; 0: no cap
    std::uint8_t max_per_subnet24 = 4;  // per bucket; 0: no cap
  };

  enum class Outcome : std::uint8_t {
    added,      // is in the table now
    refreshed,  // was in it, and is marked as heard of now
    bucket_full,
    too_many_of_network,  // its bucket has its share of this IP or /24
    arena_full,
    own_id,
  };
  // What heard() decided. `candidate`, with bucket_full: the member that must answer a ping to keep
  // its place; none: all members stay, the newcomer is to be forgotten.
  struct Heard {
    Outcome outcome;
    std::optional<Contact> candidate;
  };
  // One slot, as the outside sees it.
  struct Member {
    Contact contact;
    Tick added;
    Tick pinged;
    Tick seen;
    std::uint8_t hints;
    std::optional<Duration> round_trip;
  };

  // `arena` outlives the table.
  RoutingTable(const NodeId& own_id, ContactArena& arena, Options options);
  RoutingTable(const NodeId& own_id, ContactArena& arena)
      : RoutingTable(own_id, arena, Options{}) {}
  ~RoutingTable();
  RoutingTable(RoutingTable&&) noexcept;
  RoutingTable& operator=(RoutingTable&&) noexcept;

  const NodeId& id() const { return id_; }
  // Moves the table to another own id. Members are put in again, those known for longest first;
  // who finds a full bucket is dropped.
  void set_id(const NodeId& own_id);

  // A proven message with this valid id came in. `round_trip`, if it was measured: what is kept is
  // smoothed and coarse (steps of 5 %, 0.1 ms to 70 s), since it costs one byte.
  Heard heard(Tick now, const Contact& contact, std::optional<Duration> round_trip = {});
  // The same of a member; false, and nothing changes, if it is none.
  bool refresh(Tick now, const NodeId& id);
  // What heard() would decide about this newcomer, and whom it would name: tells whether an
  // unproven contact is worth a ping.
  Outcome would_add(const Contact& newcomer) const;
  std::optional<Contact> candidate(Tick now, const NodeId& newcomer) const;
  // `old` did not answer: `newcomer` takes its place. Fails if that is no longer possible.
  Outcome replace(Tick now, const NodeId& old, const Contact& newcomer);
  bool remove(const NodeId& id);

  bool contains(const NodeId& id) const;
  std::optional<Member> member(const NodeId& id) const;
  void mark_pinged(Tick now, const NodeId& id);
  // Somebody says that `id` is down. True: check it by a ping (and mark_pinged). False: unknown, or
  // hinted before and pinged in this very tick.
  bool take_down_hint(Tick now, const NodeId& id);
  std::optional<Duration> round_trip(const NodeId& id) const;

  // The members closest to the target, closest first, at most out.size() of them; returns how
  // many. Members of a narrower realm than `narrowest` are left out. The hot path.
  std::size_t closest(const Target& target, std::span<ContactHandle> out,
                      Realm narrowest = Realm::loopback) const;
  // The same as values.
  std::vector<Contact> closest(const Target& target, std::size_t count) const;
  // What a requester may be told: endpoints of its realm and wider ones, not its own.
  std::vector<Endpoint> closest_for(Endpoint requester, const Target& target,
                                    std::size_t count) const;

  // Members heard of longest ago, oldest first; or most lately, latest first.
  std::vector<Member> oldest(std::size_t count) const;
  std::vector<Member> latest(std::size_t count) const;
  std::optional<Contact> random_member(Random& random) const;
  // Every member in bucket order, for saving and for `cipnode routes`.
  std::vector<Member> members() const;

  std::size_t size() const { return slots_.size(); }
  bool empty() const { return slots_.empty(); }
  std::size_t k() const { return options_.k; }
  std::size_t bucket_of(const NodeId& id) const;
  std::size_t bucket_size(std::size_t bucket) const;
  // One more than the deepest bucket that was ever used.
  std::size_t bucket_count() const { return starts_.empty() ? 0 : starts_.size() - 1; }
  std::size_t memory_bytes() const;  // bytes of the object and its heap, without the arena
  // Asks the processor for where the buckets begin; and when that has arrived for one of them.
  void prefetch() const { __builtin_prefetch(starts_.data()); }
  void prefetch(const NodeId& id) const;

 private:
  // 14 bytes. Ticks are relative to base_, 0 is never; the handle is split so that the slot needs
  // no padding.
  struct Slot {
    std::uint16_t handle_low;
    std::uint16_t handle_high;
    std::uint16_t added;
    std::uint16_t pinged;
    std::uint16_t seen;
    std::uint16_t key;  // see key_of()
    std::uint8_t hints;
    std::uint8_t round_trip;  // logarithmic; 0: unknown

    ContactHandle handle() const {
      return ContactHandle{std::uint32_t{handle_high} << 16 | handle_low};
    }
  };
  static_assert(sizeof(Slot) == 14);
  struct Range {
    std::size_t begin;
    std::size_t end;
  };

  const Contact& contact_at(std::size_t slot) const { return (*arena_)[slots_[slot].handle()]; }
  Range range_of(std::size_t bucket) const {
    if (bucket + 1 >= starts_.size()) return {slots_.size(), slots_.size()};
    return {starts_[bucket], starts_[bucket + 1]};
  }
  // Bits bucket + 1 to bucket + 16 of an id: those before are the same in all of the bucket.
  static std::uint16_t key_of(const Bytes32& id, std::size_t bucket);
  std::size_t lower_bound(std::size_t bucket, const NodeId& id) const;
  std::optional<std::size_t> find(const NodeId& id) const;
  Member member_at(std::size_t slot) const;

  std::uint16_t relative(Tick now);
  Tick absolute(std::uint16_t tick) const { return base_ + tick; }

  bool exceeds_caps(Range bucket, Endpoint newcomer) const;
  void mark_heard(Tick now, std::size_t slot);

  std::size_t insert(Slot slot, const NodeId& id);  // where it is now
  void erase(std::size_t slot);
  void release_all();

  template <typename Visit>
  void visit_by_distance(const Target& target, Visit visit) const;
  std::size_t take_closest(std::size_t bucket, const Target& target, Realm narrowest,
                           std::span<ContactHandle> out) const;
  std::vector<Member> ordered(std::size_t count, bool oldest_first) const;

  NodeId id_;
  ContactArena* arena_;
  Options options_;
  Tick base_ = 0;  // moves up when ticks since would not fit 16 bits; what is older becomes 1
  std::vector<Slot> slots_;
  // starts_[i] is the first slot of bucket i; the last entry is slots_.size().
  std::vector<std::uint16_t> starts_;
};

}  // namespace cip::dht
