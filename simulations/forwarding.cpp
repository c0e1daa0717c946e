#include "simulations/forwarding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "simulations/statistics.hpp"

namespace cip::simulations {
namespace {

constexpr std::size_t kCloseIds = 5;
constexpr std::size_t kRandomIds = 5;
constexpr std::size_t kRingSide = 3;
// Messages that all lookups of one strategy may cost: some seconds.
constexpr std::uint64_t kBudget = 60'000'000;
constexpr std::uint64_t kFewestLookups = 3;

using Neighbours = std::vector<std::vector<NodeIndex>>;

bool is_closer(const World& world, const dht::Target& target, NodeIndex a, NodeIndex b) {
  return dht::compare_distance(target, world.contact(a).id.bytes, world.contact(b).id.bytes) < 0;
}

// Whom each node knows: the closest ids (XOR) and some drawn at random.
Neighbours draw_neighbours(World& world) {
  const Oracle& oracle = world.oracle();
  const std::vector<bool> nobody(world.gone().size(), false);
  Neighbours out(world.size());
  for (std::size_t place = 0; place < oracle.size(); ++place) {
    const NodeIndex node = oracle.node_at(place);
    if (node >= world.size()) continue;
    auto& mine = out[node];
    mine = oracle.closest(world.contact(node).id.bytes, kCloseIds + 1, nobody);
    std::erase_if(mine, [&](NodeIndex other) { return other == node || other >= world.size(); });
    const std::size_t wanted = std::min(kCloseIds + kRandomIds, oracle.size() - 1);
    for (int tries = 0; mine.size() < wanted && tries < 100; ++tries) {
      const NodeIndex other = oracle.node_at(world.random().pick(oracle.size()));
      const bool taken = std::find(mine.begin(), mine.end(), other) != mine.end();
      if (other != node && other < world.size() && !taken) mine.push_back(other);
    }
  }
  return out;
}

// A link carries both ways.
Neighbours both_ways(Neighbours one_way) {
  Neighbours out = one_way;
  for (NodeIndex node = 0; node < one_way.size(); ++node) {
    for (const NodeIndex other : one_way[node]) out[other].push_back(node);
  }
  for (auto& mine : out) {
    std::sort(mine.begin(), mine.end());
    mine.erase(std::unique(mine.begin(), mine.end()), mine.end());
  }
  return out;
}

class Forwarding {
 public:
  explicit Forwarding(World& world) : world_(world) {}
  virtual ~Forwarding() = default;
  virtual Looked run(NodeIndex from, const dht::Target& target) = 0;
  // Messages of a lookup, roughly.
  virtual double cost() const = 0;
  virtual std::string remark() const = 0;

 protected:
  // Does a message get there? Then how long it takes.
  std::optional<Duration> pass(NodeIndex from, NodeIndex to) {
    const auto& parameters = world_.parameters();
    if (parameters.loss > 0 && world_.random().unit() < parameters.loss) return std::nullopt;
    if (world_.is_gone(to)) return std::nullopt;
    return parameters.latency.draw(world_.random(), world_.region(from), world_.region(to));
  }
  NodeIndex closest_to(const dht::Target& target) {
    return world_.oracle().closest(target, 1, world_.gone()).front();
  }

  World& world_;
};

class Greedy final : public Forwarding {
 public:
  explicit Greedy(World& world) : Forwarding(world), neighbours_(draw_neighbours(world)) {}

  Looked run(NodeIndex from, const dht::Target& target) override {
    Looked out;
    const NodeIndex wanted = closest_to(target);
    Duration took{};
    for (NodeIndex at = from; !(out.success = at == wanted);) {
      const auto& known = neighbours_[at];
      const auto best = std::min_element(known.begin(), known.end(), [&](auto a, auto b) {
        return is_closer(world_, target, a, b);
      });
      if (best == known.end() || !is_closer(world_, target, *best, at)) {
        note_stuck(at, wanted, target);
        break;
      }
      out.requests += 1;
      const auto latency = pass(at, *best);
      if (!latency) {
        ++lost_;
        break;
      }
      took += *latency;
      ++out.hops_to_closest;
      at = *best;
    }
    out.latency_ms = to_ms(took);
    return out;
  }
  double cost() const override { return 64; }
  std::string remark() const override {
    std::string out;
    if (!stuck_bits_.empty()) {
      out = fmt::format(
          "{} lookups stuck where no known id is closer: at {:.1f} bits shared with the target on "
          "average, the closest node shares {:.1f}",
          stuck_bits_.size(), mean_of(stuck_bits_), mean_of(wanted_bits_));
    }
    if (lost_ > 0)
      out += fmt::format("{}{} met a dead node or got lost", out.empty() ? "" : "; ", lost_);
    return out;
  }

 private:
  void note_stuck(NodeIndex at, NodeIndex wanted, const dht::Target& target) {
    stuck_bits_.push_back(dht::shared_bits(world_.contact(at).id, dht::NodeId{target}));
    wanted_bits_.push_back(dht::shared_bits(world_.contact(wanted).id, dht::NodeId{target}));
  }

  Neighbours neighbours_;
  std::vector<double> stuck_bits_;
  std::vector<double> wanted_bits_;
  std::uint64_t lost_ = 0;
};

// Nodes in the order of their ids, the last followed by the first. The target's node is the one
// whose place is nearest on the ring.
class Ring final : public Forwarding {
 public:
  explicit Ring(World& world) : Forwarding(world), places_(world.size()) {
    const Oracle& oracle = world.oracle();
    for (std::size_t place = 0; place < oracle.size(); ++place) {
      if (oracle.node_at(place) >= world.size()) continue;
      places_[oracle.node_at(place)] = order_.size();
      order_.push_back(oracle.node_at(place));
    }
  }

  Looked run(NodeIndex from, const dht::Target& target) override {
    Looked out;
    const std::size_t n = order_.size();
    const std::size_t goal = goal_of(target);
    std::size_t at = places_[from];
    Duration took{};
    while (at != goal) {
      const std::size_t ahead = (goal + n - at) % n;
      const bool up = ahead <= n - ahead;
      const std::size_t step = next_step(at, up, std::min(up ? ahead : n - ahead, kRingSide));
      if (step == 0) return fail_with(out, took);
      const std::size_t next = up ? (at + step) % n : (at + n - step) % n;
      out.requests += 1;
      const auto latency = pass(order_[at], order_[next]);
      if (!latency) return fail_with(out, took);
      took += *latency;
      ++out.hops_to_closest;
      at = next;
    }
    out.success = true;
    out.latency_ms = to_ms(took);
    return out;
  }
  double cost() const override { return static_cast<double>(order_.size()) / (4 * kRingSide) + 1; }
  std::string remark() const override {
    return lost_ == 0 ? "" : fmt::format("{} met a gap of dead nodes or got lost", lost_);
  }

 private:
  Looked fail_with(Looked out, Duration took) {
    ++lost_;
    out.latency_ms = to_ms(took);
    return out;
  }
  // The farthest neighbour on the way that lives: neighbours on a ring watch each other.
  std::size_t next_step(std::size_t at, bool up, std::size_t farthest) const {
    const std::size_t n = order_.size();
    for (std::size_t step = farthest; step > 0; --step) {
      const std::size_t next = up ? (at + step) % n : (at + n - step) % n;
      if (!world_.is_gone(order_[next])) return step;
    }
    return 0;
  }
  // The live node next to the target's place.
  std::size_t goal_of(const dht::Target& target) const {
    const std::size_t n = order_.size();
    const auto at = std::partition_point(order_.begin(), order_.end(), [&](NodeIndex node) {
      return world_.contact(node).id.bytes < target;
    });
    std::size_t goal = static_cast<std::size_t>(at - order_.begin()) % n;
    while (world_.is_gone(order_[goal])) goal = (goal + 1) % n;
    return goal;
  }

  std::vector<NodeIndex> order_;
  std::vector<std::size_t> places_;
  std::uint64_t lost_ = 0;
};

class Flood final : public Forwarding {
 public:
  explicit Flood(World& world) : Forwarding(world), neighbours_(both_ways(draw_neighbours(world))) {
    std::size_t links = 0;
    for (const auto& mine : neighbours_) links += mine.size();
    degree_ = static_cast<double>(links) / static_cast<double>(neighbours_.size());
  }

  // In the order of arrival.
  Looked run(NodeIndex from, const dht::Target& target) override {
    struct Arrival {
      Duration at;
      NodeIndex node;
      NodeIndex by;
      unsigned hops;
      bool operator<(const Arrival& other) const { return at > other.at; }
    };
    Looked out;
    const NodeIndex wanted = closest_to(target);
    std::vector<bool> seen(neighbours_.size());
    std::priority_queue<Arrival> under_way;
    under_way.push({Duration(0), from, from, 0});
    while (!under_way.empty()) {
      const Arrival next = under_way.top();
      under_way.pop();
      if (seen[next.node]) continue;
      seen[next.node] = true;
      if (next.node == wanted) {
        out.success = true;
        out.hops_to_closest = next.hops;
        out.latency_ms = to_ms(next.at);
      }
      for (const NodeIndex other : neighbours_[next.node]) {
        if (other == next.by && next.node != from) continue;
        out.requests += 1;
        const auto latency = pass(next.node, other);
        if (latency && !seen[other]) {
          under_way.push({next.at + *latency, other, next.node, next.hops + 1});
        }
      }
    }
    return out;
  }
  double cost() const override { return degree_ * static_cast<double>(neighbours_.size()); }
  std::string remark() const override { return fmt::format("{:.1f} neighbours a node", degree_); }

 private:
  Neighbours neighbours_;
  double degree_ = 0;
};

std::unique_ptr<Forwarding> make_forwarding(World& world, Strategy strategy) {
  if (strategy == Strategy::greedy) return std::make_unique<Greedy>(world);
  if (strategy == Strategy::ring) return std::make_unique<Ring>(world);
  return std::make_unique<Flood>(world);
}

}  // namespace

RoutingResult run_forwarding(World& world, Strategy strategy, std::uint64_t count,
                             const Progress& progress, bool& whole) {
  const auto model = make_forwarding(world, strategy);
  const auto fitting = static_cast<std::uint64_t>(static_cast<double>(kBudget) / model->cost());
  const auto lookups = std::min(count, std::max(fitting, kFewestLookups));
  std::vector<Looked> samples;
  for (std::uint64_t i = 0; i < lookups && whole; ++i) {
    if (i % 16 == 0 && progress) {
      whole = progress({"lookups", i, lookups, world.stats().events, Stage::judging});
    }
    const NodeIndex from = world.random_live_node();
    samples.push_back(model->run(from, world.random().bytes<32>()));
  }
  auto out = summarize(strategy, std::move(samples));
  out.remark = model->remark();
  return out;
}

}  // namespace cip::simulations
