#pragma once

// Walks of production nodes to random targets, each judged by what the oracle knows.

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "simulations/world.hpp"

namespace cip::simulations {

// One finished lookup.
struct Looked {
  bool success = false;  // ended at the node closest to the target
  bool exact = false;    // returned exactly the k closest, in order
  unsigned hops_to_closest = 0;
  unsigned hops_first = 0;
  double requests = 0;
  double rounds = 0;  // of the reference model alone
  double latency_ms = 0;
};

class Lookups {
 public:
  // `world` outlives it; takes its events.
  explicit Lookups(World& world);
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;
  ~Lookups() { world_.on_event(nullptr); }

  // One more walk, from a random node to a random target.
  void begin();
  void begin(NodeIndex from);
  // Runs `count` walks to their end, a few at once. False when progress asked to stop.
  bool run(std::uint64_t count, const Progress& progress);
  // Walks whose searcher is gone will never end.
  void forget_the_dead();

  std::size_t under_way() const { return under_way_.size(); }
  const std::vector<Looked>& finished() const { return finished_; }
  void clear() { finished_.clear(); }

 private:
  struct UnderWay {
    dht::Target target;
    dht::Contact searcher;
    std::vector<dht::Contact> expected;  // some more than k: some may leave meanwhile
  };
  using Key = std::pair<NodeIndex, std::uint64_t>;

  void finish(NodeIndex node, const dht::QueryDone& done);
  void judge(NodeIndex searcher, const UnderWay& walk, const dht::QueryDone& done);

  World& world_;
  std::map<Key, UnderWay> under_way_;
  // A walk may end within the command that begins it.
  std::optional<std::pair<NodeIndex, UnderWay>> pending_;
  std::vector<Looked> finished_;
};

}  // namespace cip::simulations
