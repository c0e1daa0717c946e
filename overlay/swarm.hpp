#pragma once

// Whom to connect to: for every target that is wanted (a feed by its discovery key, a topic by its
// id) the peers that the DHT names, and peers that are wanted by key (dht.md 17; peer
// implementation: npm hyperswarm). Policy only: it asks the Node to look up and the Greeter to
// greet; the Hub dials what hellos offer and reports how it went.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <variant>
#include <vector>

#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "base/machine.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/node_types.hpp"
#include "overlay/greeter.hpp"
#include "overlay/transport/bound.hpp"

namespace cip::dht {
class Announcer;
class Node;
}  // namespace cip::dht

namespace cip::overlay {

// As npm hyperswarm: attempts under way at once, and peers in all.
inline constexpr std::size_t kMaxAttempts = 3;
inline constexpr std::size_t kMaxSwarmPeers = 64;
// Peers remembered as worth an attempt; those that nobody wants go first.
inline constexpr std::size_t kMaxCandidates = 1024;
// Between attempts to one peer: doubled by each failure, up to the second.
inline constexpr Duration kFirstBackoff = std::chrono::seconds(1);
inline constexpr Duration kLongestBackoff = std::chrono::minutes(5);
// Between lookups of a target: while it has no peer, doubled from the first; else the second, and
// up to the third more at random.
inline constexpr Duration kFirstLookupInterval = std::chrono::seconds(1);
inline constexpr Duration kLookupInterval = std::chrono::minutes(10);
inline constexpr Duration kLookupJitter = std::chrono::minutes(2);

struct JoinOptions {
  bool find = true;       // look for those who announced themselves
  bool announce = false;  // announce ourselves, so that others find us
};

// A lookup of a target has ended. `peers`: how many were named in it, ourselves excluded.
struct LookupEnded {
  Bytes32 target{};
  std::size_t peers = 0;
  std::error_code error;
};
// The DHT named a peer for a target.
struct CandidateFound {
  Bytes32 target{};
  PublicKey peer{};
};
// An attempt to reach a peer failed; there will be others.
struct AttemptFailed {
  PublicKey peer{};
  std::error_code error;
};
using SwarmEvent = std::variant<LookupEnded, CandidateFound, AttemptFailed>;

class Swarm {
 public:
  // `announcer` may be null: then nothing is announced. All outlive the swarm.
  Swarm(dht::Node& node, Greeter& greeter, dht::Announcer* announcer, const KeyPair& identity,
        Random& random);
  ~Swarm();

  // --- commands

  // Again with other options: they replace the former.
  void join(Now now, const Bytes32& target, JoinOptions options = {});
  void leave(Now now, const Bytes32& target);
  // Stays connected to a peer for a target's sake, or (no target) for its own.
  void add_candidate(Now now, const PublicKey& peer, const std::optional<Bytes32>& target,
                     std::vector<Endpoint> relays = {});
  // Whether peers that several nodes name are tried before those that one names: storing nodes can
  // invent peers (dht.md 20, 10). On; off only for tests/abuse.
  void prefer_confirmed(bool on) { prefer_confirmed_ = on; }
  // Looks a joined target up at once, e.g. because somebody waits for it.
  void refresh(Now now, const Bytes32& target);
  void stop(Now now);

  // --- inputs

  // True when the event belonged to a lookup of this machine.
  bool handle_dht_event(Now now, const dht::Event& event);
  // Of greetings that this machine began: is_mine() tells.
  void hello_failed(Now now, const HelloFailed& failed);
  // Instead of hello_failed(): no hello reaches the peer, but its contact card may. True: the Hub
  // reads it, and dials, or calls attempt_failed().
  bool await_card(const HelloFailed& failed);
  // The hello was answered and the Hub dials now, or will not (a peer that takes no stream).
  void hello_done(Now now, const HelloDone& done);
  // No stream came of it.
  void attempt_failed(Now now, const PublicKey& peer, std::error_code error);
  // None of its endpoints could be reached: greets it again and asks it to dial. False: cannot.
  // `seen`: HelloDone::server of the hello before.
  bool ask_back(Now now, const PublicKey& peer, Endpoint seen);
  void stream_up(Now now, const PublicKey& peer);
  void stream_down(Now now, const PublicKey& peer);
  void handle_timeout(Now now);

  // --- outputs

  std::optional<SwarmEvent> poll_event();
  std::optional<TimePoint> next_timeout() const;

  // --- what is known

  bool is_mine(HelloId id) const { return greeted_.contains(id); }
  // Targets for which a peer was found.
  std::vector<Bytes32> targets_of(const PublicKey& peer) const;
  // Peers that were found for a target.
  std::vector<PublicKey> candidates_for(const Bytes32& target) const;
  // Whether the Hub is dialling a peer on behalf of this machine.
  bool is_dialling(const PublicKey& peer) const;
  std::size_t candidates() const { return candidates_.size(); }

 private:
  struct Target {
    JoinOptions options;
    dht::QueryId query;
    std::map<PublicKey, unsigned> named;  // by how many nodes, in the lookup under way or the last
    std::vector<Endpoint> closest;        // where the next lookup begins
    unsigned fruitless = 0;               // lookups in a row after which there was no peer
    std::optional<TimePoint> due;
  };
  struct Candidate {
    std::set<Bytes32> targets;
    bool for_itself = false;
    std::vector<Endpoint> relays;
    HelloId attempt = 0;
    bool dialling = false;  // the attempt's hello is over, the Hub dials or reads the card
    bool connected = false;
    unsigned failures = 0;
    unsigned named_by = 0;  // by how many nodes in one lookup, at most
    TimePoint due{};
    bool is_wanted() const { return for_itself || !targets.empty(); }
  };

  void begin_lookup(Now now, const Bytes32& id, Target& target);
  void end_lookup(Now now, const Bytes32& id, Target& target, const dht::QueryDone& done);
  void peer_lost(Now now, const Bytes32& id);
  void take_reply(Now now, const Bytes32& id, Target& target, const dht::QueryReply& reply);
  void begin_attempts(Now now);
  bool goes_first(const Candidate& one, const Candidate& other) const;
  void greet(Now now, const PublicKey& peer, Candidate& candidate, GreetOptions options);
  Candidate* find(const PublicKey& peer);
  void fail(Now now, const PublicKey& peer, Candidate& candidate, std::error_code error,
            bool hopeless);
  bool has_peer_for(const Bytes32& target) const;
  bool make_room();
  std::size_t connected() const;
  bool has_free_attempt() const;

  dht::Node& node_;
  Greeter& greeter_;
  dht::Announcer* announcer_;
  KeyPair identity_;
  Random& random_;
  std::map<Bytes32, Target> targets_;
  std::map<dht::QueryId, Bytes32> lookups_;
  std::map<PublicKey, Candidate> candidates_;
  std::set<HelloId> greeted_;  // greetings of this machine, the latest
  Fifo<SwarmEvent> events_;
  bool prefer_confirmed_ = true;
  bool stopped_ = false;
};

}  // namespace cip::overlay
