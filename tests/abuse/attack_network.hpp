#pragma once

// Honest nodes, the production machines, among attackers that answer with each other. Public
// addresses in distinct /16s as far as there are, virtual time, ideal tables from global knowledge.
//
// Attackers reply to whatever has a target: with their own id, a token, the attackers closest to
// the target, and nothing that was ever stored.

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "dht/contact.hpp"
#include "dht/node.hpp"

namespace cip::test {

class AttackNetwork {
 public:
  // `attackers` are in the tables of the honest as their ids bring it about.
  AttackNetwork(std::size_t honest, std::uint64_t seed, dht::Defences defences,
                const std::vector<Endpoint>& attackers = {});

  // Attackers that gather around a target: known to all honest nodes there that have room for them.
  void add_attackers_around(const std::vector<Endpoint>& attackers, const dht::Target& target);
  void remove_attackers();

  Random& random() { return random_; }
  std::size_t size() const { return honest_.size(); }
  Now now() const { return now_; }

  // Runs a query of an honest node to its end.
  using Command = std::function<dht::QueryId(dht::Node&, Now)>;
  struct Result {
    dht::QueryDone done;
    bool value = false;  // a value came
  };
  Result query(std::size_t node, const Command& command);

  bool is_honest(Endpoint endpoint) const { return by_endpoint_.contains(endpoint); }
  // The honest nodes closest to a target, without one.
  std::vector<dht::Contact> closest_honest(const dht::Target& target, std::size_t count,
                                           std::size_t without) const;

 private:
  struct Packet {
    Endpoint from;
    Endpoint to;
    dht::Message message;
  };

  void fill_tables();
  void drain(std::size_t node);
  void deliver(const Packet& packet);
  void answer(const Packet& packet);

  SeededRandom random_;
  dht::ContactArena arena_;
  Now now_;
  std::vector<dht::Contact> honest_;
  std::vector<std::unique_ptr<dht::Node>> nodes_;
  std::map<Endpoint, std::size_t> by_endpoint_;
  std::vector<dht::Contact> attackers_;
  std::map<Endpoint, std::size_t> attacker_at_;
  std::multimap<TimePoint, Packet> queue_;
  std::map<std::size_t, TimePoint> timers_;
  std::size_t asking_ = SIZE_MAX;
  std::vector<dht::Event> events_;
};

}  // namespace cip::test
