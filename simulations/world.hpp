#pragma once

// A simulated network: production dht::Nodes on a virtual clock, joined by links with latency,
// loss, reordering and partitions; nodes that join, leave and crash. Messages pass as structs;
// every hundredth goes through the real codec and must come out equal. Everything follows from one
// seed: the trace of a run repeats.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "dht/contact.hpp"
#include "dht/node.hpp"
#include "simulations/event_queue.hpp"
#include "simulations/impostor.hpp"
#include "simulations/oracle.hpp"
#include "simulations/parameters.hpp"
#include "simulations/trace.hpp"

namespace cip::simulations {

struct WorldStats {
  std::uint64_t events = 0;    // messages delivered, timers that fired, nodes that came and went
  std::uint64_t messages = 0;  // sent
  std::uint64_t lost = 0;
  std::uint64_t through_codec = 0;
  std::uint64_t bytes = 0;  // of delivered datagrams, with their IP and UDP headers
  std::uint64_t joined = 0;
  std::uint64_t left = 0;
};

class World {
 public:
  // Parameters must have passed check_parameters().
  explicit World(const Parameters& parameters);

  // Gives the nodes their first tables as parameters.start says, then kills the share that is to be
  // dead and lets churn begin. False when progress asked to stop.
  bool start(const Progress& progress);
  // From now on the node neither hears nor says anything.
  void kill(NodeIndex node);
  // A newcomer takes the place of a dead node, with an address of its own.
  void revive(NodeIndex node);
  // No more churn, loss, reordering and partitions: the network may heal.
  void calm() { calm_ = true; }

  // Nodes that were asked for; impostors come on top and have no place here.
  std::size_t size() const { return honest_; }
  // Nobody can find it: it is dead, or cannot be reached first, or is an impostor.
  bool is_gone(NodeIndex node) const { return gone_[node]; }
  bool is_dead(NodeIndex node) const { return members_[node].dead; }
  const std::vector<bool>& gone() const { return gone_; }
  std::size_t living() const { return living_; }
  const Oracle& oracle();
  Now now() const { return now_; }
  Random& random() { return random_; }
  const Parameters& parameters() const { return parameters_; }
  const WorldStats& stats() const { return stats_; }
  Bytes32 trace() const { return trace_.digest(); }
  // Of all nodes and their contacts, heap included.
  std::size_t memory_bytes() const;

  const dht::Contact& contact(NodeIndex index) const { return contacts_[index]; }
  // The node at an address; size() when there is none.
  NodeIndex index_of(Endpoint endpoint) const;
  const dht::Node& node(NodeIndex index) const { return *members_[index].machine; }
  Region region(NodeIndex index) const { return members_[index].region; }
  // A node that lives and can be found, drawn at random.
  NodeIndex random_live_node();

  // Runs a command on a node and delivers what it says. `command` gets the node and the time.
  template <typename Command>
  auto command(NodeIndex index, Command&& run) {
    auto result = run(*members_[index].machine, now_);
    drain(index);
    return result;
  }

  // Events of the nodes, in order. The handler may give further commands to other nodes.
  using EventHandler = std::function<void(NodeIndex, const dht::Event&)>;
  void on_event(EventHandler handler) { handler_ = std::move(handler); }
  // Sees every message as it is sent or delivered, before the receiver does. For judges.
  enum class Passing : std::uint8_t { sent, delivered };
  using MessageObserver =
      std::function<void(Passing, NodeIndex self, Endpoint other, const dht::Message&)>;
  void on_message(MessageObserver observer) { observer_ = std::move(observer); }

  // Lets the next event happen; false when nothing is left to happen.
  bool step();
  // All events up to `at`, at which the clock then stands.
  void run_until(TimePoint at);
  // When the next event is due.
  std::optional<TimePoint> next_at() const {
    return queue_.empty() ? std::nullopt : std::optional(queue_.next().at);
  }
  // Who was touched by the last step; size() for nobody.
  NodeIndex touched() const { return touched_; }

 private:
  static constexpr TimePoint kNever = TimePoint::max();
  // What a message needs of a node lies in one cache line.
  struct alignas(64) Member {
    std::optional<dht::Node> machine;  // none for impostors
    // When it wants to be called, and the next two timers in the queue. Most timers move on before
    // they are due, with every answer that comes in: a queued one that finds nothing due is queued
    // again for what is.
    TimePoint due = kNever;
    TimePoint queued = kNever;
    TimePoint queued_after = kNever;
    Endpoint at;
    bool dead = false;
    bool nat = false;
    Region region = 0;
  };
  struct InFlight {
    Endpoint to;
    Endpoint from;
    dht::Message message;
  };

  void make_node(NodeIndex index);
  void add_honest(NodeIndex index);
  void add_impostor(NodeIndex index);
  Now some_time_ago(Duration most);
  Advance set_up_of(std::uint64_t nodes) const;
  bool start_from_oracle(const Progress& progress);
  bool start_by_joining(const Progress& progress);
  void start_churn();
  void leave_later(NodeIndex index);
  void happen_leave(NodeIndex index);

  void send(NodeIndex from, dht::Outgoing&& out);
  bool is_cut(NodeIndex from, NodeIndex to) const;
  bool passes_nat(NodeIndex to, Endpoint from);
  void post(Endpoint from, Endpoint to, NodeIndex to_index, dht::Message&& message);
  void prefetch_next() const;
  void prefetch_event(const QueuedEvent& event) const;
  void prefetch_machine(const QueuedEvent& event) const;
  void prefetch_index(const QueuedEvent& event) const;
  void prefetch_contacts(const QueuedEvent& event) const;
  void prefetch_sender(const QueuedEvent& event) const;
  std::span<const Endpoint> named_in(const QueuedEvent& event) const;
  const dht::Node* machine_for(const QueuedEvent& event) const;
  void deliver(std::uint32_t slot);
  void fire(NodeIndex index, TimePoint at);
  void drain(NodeIndex index);
  void arm(NodeIndex index);
  void queue_timer(NodeIndex index);
  void check_codec(const dht::Message& message);
  void note(const QueuedEvent& event);

  Parameters parameters_;
  SeededRandom random_;
  std::size_t honest_;
  std::size_t living_;
  dht::ContactArena arena_;
  std::vector<Member> members_;  // impostors last
  std::vector<dht::Contact> contacts_;
  std::vector<bool> gone_;
  std::vector<bool> unlisted_;  // behind NAT: in no ideal table
  ImpostorRing impostors_;
  std::unique_ptr<Oracle> oracle_;  // none: to be made anew
  EventQueue queue_;
  std::vector<InFlight> in_flight_;
  Bytes encoded_;  // the message that is delivered
  std::vector<std::uint32_t> free_slots_;
  // Until when a node behind NAT hears from an address.
  std::unordered_map<std::uint64_t, TimePoint> nat_open_;
  Now now_;
  TimePoint began_{};
  bool calm_ = false;
  NodeIndex touched_ = 0;
  Trace trace_;
  WorldStats stats_;
  EventHandler handler_;
  MessageObserver observer_;
};

}  // namespace cip::simulations
