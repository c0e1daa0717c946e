#pragma once

// A simulated network: production dht::Nodes on a virtual clock, joined by links with latency and
// loss. Messages pass as structs; every hundredth goes through the real codec and must come out
// equal. Everything follows from one seed: the trace of a run repeats.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "dht/contact.hpp"
#include "dht/node.hpp"
#include "simulations/event_queue.hpp"
#include "simulations/oracle.hpp"
#include "simulations/parameters.hpp"
#include "simulations/trace.hpp"

namespace cip::simulations {

struct WorldStats {
  std::uint64_t events = 0;    // messages delivered and timers that fired
  std::uint64_t messages = 0;  // sent
  std::uint64_t lost = 0;
  std::uint64_t through_codec = 0;
};

class World {
 public:
  // Parameters must have passed check_parameters().
  explicit World(const Parameters& parameters);

  // Gives every node an ideal table from global knowledge.
  void start_from_oracle(const Progress& progress);
  // Every node joins through a node that joined before, one after the other.
  void start_by_joining(const Progress& progress);
  // From now on the node neither hears nor says anything.
  void kill(NodeIndex node) { dead_[node] = true; }

  std::size_t size() const { return nodes_.size(); }
  bool is_dead(NodeIndex node) const { return dead_[node]; }
  const std::vector<bool>& dead() const { return dead_; }
  const Oracle& oracle() const { return oracle_; }
  Now now() const { return now_; }
  Random& random() { return random_; }
  const WorldStats& stats() const { return stats_; }
  Bytes32 trace() const { return trace_.digest(); }
  // Of all nodes and their contacts, heap included.
  std::size_t memory_bytes() const;

  const dht::Node& node(NodeIndex index) const { return *nodes_[index].machine; }
  // Runs a command on a node and delivers what it says. `command` gets the node and the time.
  template <typename Command>
  auto command(NodeIndex index, Command&& run) {
    auto result = run(*nodes_[index].machine, now_);
    drain(index);
    return result;
  }

  // Events of the nodes, in order. The handler may give further commands to other nodes.
  using EventHandler = std::function<void(NodeIndex, const dht::Event&)>;
  void on_event(EventHandler handler) { handler_ = std::move(handler); }

  // Lets the next event happen; false when nothing is left to happen.
  bool step();

 private:
  struct Member {
    std::unique_ptr<dht::Node> machine;
    TimePoint timer{};  // the armed one; timers that were armed before are stale
    bool armed = false;
  };
  struct InFlight {
    NodeIndex to = 0;
    Endpoint from;
    dht::Message message;
  };

  NodeIndex index_of(Endpoint endpoint) const;
  void send(NodeIndex from, dht::Outgoing&& out);
  void deliver(std::uint32_t slot);
  void fire(NodeIndex index, TimePoint at);
  void drain(NodeIndex index);
  void arm(NodeIndex index);
  void check_codec(const dht::Message& message);

  Parameters parameters_;
  SeededRandom random_;
  dht::ContactArena contacts_;
  std::vector<Member> nodes_;
  std::vector<bool> dead_;
  Oracle oracle_;
  EventQueue queue_;
  std::vector<InFlight> in_flight_;
  std::vector<std::uint32_t> free_slots_;
  Now now_;
  Trace trace_;
  WorldStats stats_;
  EventHandler handler_;
};

}  // namespace cip::simulations
