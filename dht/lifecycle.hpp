#pragma once

// The life of a node (dht.md 5 and 9): bootstrap, learning the own address, proving that strangers
// reach us, filling and checking the table.
//
// Reachability is kept per realm: on the own host everybody is reachable; a private network needs
// one proof, the public one three from different networks. A proof is a datagram that reached the
// server socket from a node which that socket had never sent anything to.

#include <optional>
#include <span>
#include <vector>

#include "dht/lost_contacts.hpp"
#include "dht/nat_sampler.hpp"
#include "dht/node_core.hpp"
#include "dht/queries.hpp"

namespace cip::dht {

class Lifecycle {
 public:
  static constexpr std::size_t kMaxReplacements = 3;
  static constexpr std::size_t kMaxAcquaintances = 16;  // newcomers pinged at once
  static constexpr std::size_t kMaxProbes = 5;          // ping_nats per attempt
  static constexpr std::size_t kProofsPublic = 3;       // in different /24s
  static constexpr Duration kCheckEvery = 8 * kTick;
  static constexpr Duration kRefreshAfter = 60 * kTick;  // without a query
  // A node that lost no contact for so long is calm: it checks and refreshes less.
  static constexpr Tick kCalmTicks = 120;
  static constexpr Tick kCalmReplaceTicks = 8;  // between two replacements; else 1
  static constexpr Duration kSleep = std::chrono::seconds(15);
  static constexpr Tick kSleepTicks = 720;
  static constexpr Duration kFirstRetry = std::chrono::seconds(1);
  static constexpr Duration kLastRetry = std::chrono::seconds(30);
  static constexpr Duration kFirstProbe = std::chrono::minutes(1);
  static constexpr Duration kLastProbe = std::chrono::hours(1);

  Lifecycle(NodeCore& core, Queries& queries)
      : core_(core),
        queries_(queries),
        sampler_(core.options.defences.vote_per_subnet ? NatSampler::Counting::one_per_subnet
                                                       : NatSampler::Counting::every_sample) {}

  void start(Now now);
  void stop();
  void set_interfaces(Now now, std::vector<std::uint32_t> interfaces);
  void add_bootstrap(Now now, Endpoint contact);
  void introduce(Now now, Endpoint contact);
  void assume(Now now, std::span<const Contact> proven);

  // Every message, before it is processed otherwise. `asked`: who a reply is from, as it was asked.
  void note_request(Now now, SocketRole local, Endpoint from, const Request& request);
  void note_reply(Now now, SocketRole local, const Contact& asked, const Rpc::Answered& answered,
                  const Reply& reply);
  // A request failed for good.
  void note_failure(Now now, const Rpc::Overdue& overdue);
  // A request waits longer than it should.
  void note_late(Now now, const Rpc::Overdue& overdue);

  void handle_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;
  // Looks after queries of this machine; after every input.
  void settle(Now now);

  std::optional<Endpoint> public_address() const;
  bool is_firewalled() const;
  NatView nat_view() const;
  std::size_t memory_bytes() const;

 private:
  void remember_dead(Now now, const Rpc::Overdue& overdue);
  void lose(Now now, const Contact& member);
  void note_lost(Now now, const Contact& member);
  void try_lost(Now now);
  struct Proof {
    Endpoint from;
    Endpoint seen;  // the address at which it reached us
  };

  bool has_contacts() const;
  void adopt_interfaces();
  void bootstrap(Now now);
  void walk(Now now, const Target& target, QueryOptions options = {});
  void finish_bootstrap(Now now, unsigned answers);
  void hear(Now now, const Contact& contact, std::optional<Duration> round_trip);
  bool is_calm(Now now) const { return !lost_at_ || core_.tick(now) - *lost_at_ >= kCalmTicks; }
  bool may_replace(Now now) const;
  void ping(Now now, Endpoint to, Purpose purpose, std::uint64_t owner = 0);
  void check_oldest(Now now);
  void refresh(Now now);
  void sample(Endpoint seen, Endpoint from);
  void consider_probe(Now now, Endpoint from, Endpoint seen);
  void probe_again(Now now);
  void take_proof(Endpoint from, Endpoint seen);
  bool is_believable(Endpoint seen) const;
  void set_reachable(Endpoint seen);
  void update_id();
  void wake_up(Now now);
  void publish_state();

  NodeCore& core_;
  Queries& queries_;
  NatSampler sampler_;
  LostContacts lost_;
  std::vector<Proof> proofs_;
  std::vector<Endpoint> probed_;  // in this attempt
  QueryId boot_{};                // under way
  bool announced_ready_ = false;
  bool reached_ = false;     // somebody answered a walk
  bool walk_again_ = false;  // the own id changed
  bool refreshes_from_afar_ = false;
  std::optional<Tick> lost_at_;      // when the last member was lost, or the node slept
  std::optional<Tick> replaced_at_;  // when the last replacement was begun
  std::optional<StateChanged> published_;
  Duration retry_wait_ = kFirstRetry;
  Duration probe_wait_ = kFirstProbe;
  std::optional<TimePoint> retry_at_;
  std::optional<TimePoint> probe_at_;
  std::optional<TimePoint> check_at_;
};

}  // namespace cip::dht
