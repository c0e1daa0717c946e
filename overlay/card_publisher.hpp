#pragma once

// Keeps the own contact card stored (dht.md 18.3), or takes it back: when, what, and whether at
// all. A machine over a dht::Node.
//
//   off ─publish()─► waiting ─due─► checking ─► storing ─► waiting ...
//   off ─withdraw()─► waiting ─due─► checking ─► storing ─► off
//
// Before every put the stored value is read: one of another application is not overwritten. What is
// written in the second between is lost: mutable values know no comparison.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "base/machine.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/node_types.hpp"
#include "dht/payloads.hpp"
#include "overlay/contact_card.hpp"

namespace cip::dht {
class Node;
}

namespace cip::overlay {

// A card was stored by `holders` nodes; without endpoints it was taken back.
struct CardStored {
  ContactCard card;
  std::size_t holders = 0;
};
// The value under the own key belongs to another application.
struct CardForeign {};
using CardEvent = std::variant<CardStored, CardForeign>;

class CardPublisher {
 public:
  // As a Republisher: a dozen times within the shortest life of a value at its holders.
  static constexpr Duration kEvery = std::chrono::hours(2);
  static constexpr Duration kRetry = std::chrono::minutes(1);
  // Between two cards, when addresses change faster.
  static constexpr Duration kSpacing = std::chrono::minutes(1);
  // Survives two puts that fail, and is soon over when the node is gone.
  static constexpr auto kCardLife = std::chrono::hours(6);

  // Both outlive it.
  CardPublisher(dht::Node& node, const KeyPair& identity, Random& random);

  // --- commands

  // Stores a card with the public ones of these endpoints from now on; call again when they change.
  // While there are none nothing is stored, and a card of before runs out.
  void publish(Now now, const std::vector<Endpoint>& endpoints);
  // Stores, once, a card without endpoints that is over already.
  void withdraw(Now now);

  // --- inputs: every event of the node. True when it belonged to this machine alone.
  bool handle_event(Now now, const dht::Event& event);
  void handle_timeout(Now now);

  // --- outputs
  std::optional<CardEvent> poll_event();
  std::optional<TimePoint> next_timeout() const;

 private:
  enum class Aim { none, publish, withdraw };
  enum class Step { waiting, checking, storing };

  bool has_work() const;
  void check(Now now);
  void checked(Now now, const dht::QueryDone& done);
  void store(Now now);
  void stored(Now now, const dht::QueryDone& done);
  void wait(Now now, Duration pause);

  dht::Node& node_;
  KeyPair identity_;
  Random& random_;
  Aim aim_ = Aim::none;
  Step step_ = Step::waiting;
  std::vector<Endpoint> endpoints_;
  bool online_ = false;                  // somebody has answered since the start
  bool changed_ = false;                 // the aim or the endpoints, while a query ran
  TimePoint due_{};                      // of the next check
  std::optional<TimePoint> last_store_;  // begun
  dht::QueryId query_{};
  std::optional<dht::MutableValue> found_;  // by the check, with the highest seq
  ContactCard card_;                        // being stored
  Fifo<CardEvent> events_;
};

}  // namespace cip::overlay
