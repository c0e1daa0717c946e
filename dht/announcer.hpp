#pragma once

// Keeps announced what is to be found (dht.md 16 and 17): the own key at 3 relays that are pinged
// every 3 s, and targets (topics, feeds) that are announced again every 10 to 12 minutes.
//
// A machine on top of a Node: it is given all events of the node, and calls its commands. Never
// more than 2 announces are begun within a second (decisions.md D14); what is due meanwhile waits,
// what is new before what is announced again, and lag() shows by how much.
//
// Ours: a new announce is repeated after 10 s, 20 s, 40 s and so on, and when the table has grown
// by half, since in a young overlay the closest nodes of a moment are soon not the closest any
// more.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/node.hpp"

namespace cip::dht {

class Announcer {
 public:
  static constexpr std::size_t kRelays = 3;
  static constexpr Duration kPingEvery = std::chrono::seconds(3);
  static constexpr Duration kKeyEvery = std::chrono::minutes(5);
  static constexpr Duration kTargetEvery = std::chrono::minutes(10);
  static constexpr Duration kTargetSpread = std::chrono::minutes(2);
  // Announces that are begun: two a second, after a burst for what a user makes in a row and
  // somebody looks for at once.
  static constexpr Duration kSpacing = std::chrono::milliseconds(500);
  static constexpr int kBurst = 16;
  static constexpr Duration kFirstAgain = std::chrono::seconds(10);
  static constexpr Duration kRetry = std::chrono::seconds(5);

  // A node that knows the way to us.
  struct Relay {
    Endpoint relay;
    Endpoint own_address;  // as it sees us
  };

  // Both outlive it.
  Announcer(Node& node, Random& random) : node_(&node), random_(&random) {}

  // Listens under the key, and announces it to itself. There is one such key at most.
  void announce_key(Now now, const KeyPair& key);
  // Announces `key` under a target, with the relays of the key that is announced to itself.
  void announce(Now now, const Target& target, const KeyPair& key);
  // Takes an announce back, at the nodes that hold it. Unknown targets are ignored.
  void withdraw(Now now, const Target& target);
  // The same for everything: when the node stops.
  void withdraw_all(Now now);

  // Every event of the node, before or after others see it.
  void handle_event(Now now, const Event& event);
  void handle_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;

  // What others are told: the own public address if there is one, then the relays; at most 3.
  std::vector<Endpoint> relay_addresses() const;
  const std::vector<Relay>& relays() const { return relays_; }
  bool is_announcing(const Target& target) const;
  // An announce is a lookup as well: the target of a query whose replies come as QueryReply.
  std::optional<Target> target_of(QueryId query) const;
  // How many nodes hold the announce of a target, this node included; nothing before the first end.
  std::optional<std::size_t> holders(const Target& target) const;
  // By how much the announce that waits longest is late.
  Duration lag(Now now) const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Target target{};
    KeyPair key;
    bool own_key = false;
    TimePoint due{};
    Duration again = kFirstAgain;
    QueryId running{};
    std::size_t table_size = 0;  // at the last announce
    std::optional<std::size_t> holders{};
    std::vector<Endpoint> closest{};  // of the last run: where the next begins
  };

  Entry* find(const Target& target);
  Entry& insert(Now now, const Target& target, const KeyPair& key);
  // `earlier`: of the same list, further in front.
  static bool goes_before(const Entry& entry, const Entry& earlier);
  void begin_due(Now now);
  void begin(Now now, Entry& entry);
  void handle_done(Now now, const QueryDone& done);
  void take_relays(Now now, const Entry& entry, const QueryDone& done);
  void plan_next(Now now, Entry& entry, bool success);
  void ping_relays(Now now);
  void hasten(Now now);
  bool has_grown(const Entry& entry) const;

  Node* node_;
  Random* random_;
  std::vector<Entry> entries_;
  std::vector<Relay> relays_;
  std::vector<RequestId> pings_;  // unanswered, of this round
  std::size_t pinged_ = 0;        // of this round
  std::optional<TimePoint> ping_at_;
  std::optional<Endpoint> address_;  // of the last StateChanged
  TimePoint next_start_{};           // may lie back by what a burst may take
};

}  // namespace cip::dht
