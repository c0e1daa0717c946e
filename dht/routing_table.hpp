#pragma once

// The k-buckets of one node (docs: protocol of the DHT, section 7).
//
// Bucket i holds contacts that share exactly i leading bits with our id. All buckets lie one after
// the other in one flat array of 14 byte slots; ids and endpoints are in the ContactArena. The
// table decides nothing over time by itself: it answers what to do (whom to ping before a newcomer
// may enter) and is told what came of it.
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
inline constexpr Tick kOldTicks = 360;    // 30 min: there for long; also how often `to` is sampled

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
  // What heard() decided. `sample` says that the `to` of this message counts as a NAT sample.
  // `candidate`, with bucket_full: the member that must answer a ping to keep its place; none: all
  // members stay, the newcomer is to be forgotten.
  struct Heard {
    Outcome outcome;
    bool sample = false;
    std::optional<Contact> candidate;
  };
  // One slot, as the outside sees it.
  struct Member {
    Contact contact;
    Tick added;
    Tick pinged;
    Tick seen;
    std::optional<Tick> sampled;
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

  // A proven message with this valid id came in. `external`: on the socket that is not expected,
  // so its `to` says nothing about our NAT.
  Heard heard(Tick now, const Contact& contact, bool external = false);
  // What heard() would decide, without changing anything: tells whether an unproven contact is
  // worth a ping.
  Heard would_hear(Tick now, const Contact& contact) const;
  // `old` did not answer: `newcomer` takes its place. Fails if that is no longer possible.
  Outcome replace(Tick now, const NodeId& old, const Contact& newcomer);
  bool remove(const NodeId& id);

  bool contains(const NodeId& id) const;
  std::optional<Member> member(const NodeId& id) const;
  void mark_pinged(Tick now, const NodeId& id);
  // Somebody says that `id` is down. True: check it by a ping (and mark_pinged). False: unknown, or
  // hinted before and pinged in this very tick.
  bool take_down_hint(Tick now, const NodeId& id);
  // A measured round trip to a member; what is kept is smoothed and coarse (steps of 5 %, 0.1 ms to
  // 70 s), since it costs one byte.
  void note_round_trip(const NodeId& id, Duration round_trip);
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
  // Asks the processor for the slots of the first buckets, which most messages are about.
  void prefetch() const;

 private:
  // 14 bytes. Ticks are relative to base_, 0 is never; the handle is split so that the slot needs
  // no padding.
  struct Slot {
    std::uint16_t handle_low;
    std::uint16_t handle_high;
    std::uint16_t added;
    std::uint16_t pinged;
    std::uint16_t seen;
    std::uint16_t sampled;
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
  Range range_of(std::size_t bucket) const;
  std::size_t lower_bound(Range range, const NodeId& id) const;
  std::optional<std::size_t> find(const NodeId& id) const;
  Member member_at(std::size_t slot) const;

  std::uint16_t relative(Tick now);
  Tick absolute(std::uint16_t tick) const { return base_ + tick; }
  bool sample_due(const Slot& slot, Tick now) const;

  bool exceeds_caps(Range bucket, Endpoint newcomer) const;
  Outcome verdict(const Contact& newcomer) const;
  std::optional<Contact> candidate(Tick now, Range bucket) const;

  void insert(const Slot& slot, const NodeId& id);
  void erase(std::size_t slot);
  void release_all();

  template <typename Visit>
  void visit_by_distance(const Target& target, Visit visit) const;
  std::size_t take_closest(Range bucket, const Target& target, Realm narrowest,
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
