#pragma once

// The iterative walk towards a target (dht.md 8): always ask the closest contact that was not asked
// yet, until the k closest that answer are known.
//
// It sends nothing: it says whom to ask, and is told what came of it. One word about time: a
// request that is overdue is *late*; it stays in flight but lets one more run beside it, so that a
// dead contact near the target does not hold up the walk.
//
// Where we differ from npm dht-rpc: `pending` is a priority queue, not a stack; contacts of an
// answer that are not near enough are skipped, where stock stops reading; a walk that waits only
// for contacts which let two transmissions pass ends without them.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "dht/contact.hpp"
#include "dht/node_id.hpp"

namespace cip::dht {

// One contact on the way of a walk: who answered, and how many referrals led to it.
struct Hop {
  Contact contact;
  Duration rtt{};
  unsigned depth = 0;  // 0: from the own table, or given
};

class Query {
 public:
  struct Limits {
    std::size_t k = 20;
    std::size_t alpha = 10;
    // Goes on until k independent contacts have answered, at most 1 per public IP and 3 per /24, so
    // that one network around the target does not end the walk. The result stays the k closest.
    bool independent = true;
    // So near to the target there should be a third of k nodes, as a distance in 64 bits; 0: not
    // known. If k of public addresses answer from there, none of them counts as independent.
    std::uint64_t dense_radius = 0;
  };
  // A bound on what hostile answers can make us remember, and ask.
  static constexpr std::size_t kMaxSeen = 4096;
  static constexpr std::size_t kMaxRequests = 512;
  // Contacts of one /24 that count as independent (dht.md 20, 4).
  static constexpr std::size_t kMaxPerSubnet = 3;
  // Transmissions that pass without an answer until a contact is no longer waited for.
  static constexpr unsigned kPatience = 2;
  // Holders of a value, of whom the first to be named ends hops_first().
  static constexpr std::size_t kReplicas = 20;

  explicit Query(const Target& target) : Query(target, Limits{}) {}
  Query(const Target& target, Limits limits);

  // A contact to begin with: from the own table or from the caller.
  void add(const Contact& contact);
  // A contact that is known not to answer: it is not asked, and who names it is sent a hint.
  void add_down(const Contact& contact);
  bool knows(Endpoint endpoint) const { return find(endpoint) != kNone; }

  // The next contact to ask, if any should be asked now.
  std::optional<Contact> poll_request();

  // An answer. `counts`: it came without error and with the valid id of `from`, so that `from` may
  // be one of the closest. `closer` holds no addresses of ourselves or foreign ones; ids of those
  // that are new come from `ids`.
  struct Answer {
    Duration rtt{};
    bool counts = true;
    std::span<const Endpoint> closer{};
  };
  void handle_answer(const Contact& from, const Answer& answer, const ContactArena& ids);
  // A transmission to it was not answered in time, but more will follow.
  void handle_late(const Contact& contact);
  // All transmissions to it failed.
  void handle_timeout(const Contact& contact);

  // Who named a dead contact deserves to know.
  struct Hint {
    Endpoint to;
    Endpoint dead;
  };
  std::optional<Hint> poll_hint();

  bool is_done() const;
  // Contacts that answered, closest first; at most k.
  std::vector<Contact> closest() const;
  // Contacts that answered and are independent of each other, closest first; at most k.
  std::vector<Contact> independent() const;
  // More nodes answered from near the target than there can be: further paths from elsewhere are
  // worth their while.
  bool is_dense() const { return dense_; }
  // Would an answer from this id get it among the closest?
  bool is_near_enough(const NodeId& id) const;

  // The chain of first referrals to the closest contact, in order; or to any other.
  std::vector<Hop> path() const;
  std::vector<Hop> path_to(Endpoint endpoint) const;
  // Hops of the shortest chain of referrals to the closest contact, asking it included: 1 if it
  // came from the own table.
  unsigned hops_to_closest() const;
  // Hops until the walk knew of the first of the closest 20 (kReplicas): 1 if the own table held
  // one. That is the hop count of ProbeLab RFM 19.1, which ends at "among the closest to the key".
  unsigned hops_first() const;
  // How many referrals led to a contact; 0 as well if it is not known.
  unsigned depth_of(Endpoint endpoint) const;

  const Target& target() const { return target_; }
  const Limits& limits() const { return limits_; }
  std::size_t in_flight() const { return asked_.size(); }
  unsigned requests() const { return requests_; }
  unsigned answers() const { return answers_; }
  unsigned timeouts() const { return timeouts_; }
  std::size_t memory_bytes() const;  // bytes on the heap

 private:
  using Index = std::uint16_t;
  static constexpr Index kNone = UINT16_MAX;
  // Of the index by endpoint. The tag, other bits of its hash, nearly always tells entries apart.
  struct Place {
    std::uint16_t tag = 0;
    Index entry = kNone;
  };
  enum class State : std::uint8_t { pending, asked, done, down };

  struct Entry {
    Contact contact;
    std::uint64_t distance;  // the first 64 bits of it
    Duration rtt{};
    Index parent = kNone;  // who named it first
    std::uint16_t depth = 0;
    State state = State::pending;
    std::uint8_t late = 0;  // transmissions that passed
  };
  struct Referral {
    Index by;
    Index to;
  };

  Index find(Endpoint endpoint) const;
  std::vector<Hop> path_to(Index entry) const;
  Index insert(const Contact& contact, Index parent, State state);
  void reserve();
  void index_entry(Index entry);
  void grow_index();
  void push_pending(Index entry);
  bool closer(Index a, Index b) const {
    const auto &left = entries_[a], &right = entries_[b];
    return left.distance != right.distance ? left.distance < right.distance : closer_by_id(a, b);
  }
  bool closer_by_id(Index a, Index b) const;
  bool near_enough(Index entry) const;
  // Is it worth asking, though k closer ones have answered?
  bool adds_independent(const Contact& contact) const;
  bool is_covered(Index entry) const;
  bool awaits_near() const;
  bool is_worth(const Contact& contact) const;
  void find_independent();
  void take_answer(Index entry, const Answer& answer);
  void take_referral(Index by, Endpoint named, const ContactArena& ids);
  void leave_flight(Index entry);

  Target target_;
  Limits limits_;
  std::vector<Entry> entries_;
  std::vector<Place> index_;    // open addressing by endpoint, a power of two long
  std::vector<Index> pending_;  // a heap, closest on top
  std::vector<Index> asked_;    // in flight, in no order
  std::vector<Index> closest_;  // sorted
  // All public ones that answered, sorted, and those of them that are independent; beyond
  // `closest_` only once one network has more than its share there.
  std::vector<Index> answered_;
  std::vector<Index> independent_;
  bool crowded_ = false;
  bool dense_ = false;
  std::vector<Referral> referrals_;
  std::vector<Hint> hints_;
  std::size_t slow_ = 0;  // in flight and late
  std::size_t gone_ = 0;  // in flight and late beyond patience
  unsigned requests_ = 0;
  unsigned answers_ = 0;
  unsigned timeouts_ = 0;
};

}  // namespace cip::dht
