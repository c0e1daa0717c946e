#include "simulations/routing.hpp"

#include <map>

#include "base/text.hpp"
#include "simulations/statistics.hpp"

namespace cip::simulations {
namespace {

// Walks under way at once: enough to keep the clock from idling, few enough not to meet each other.
constexpr std::uint64_t kWalksAtOnce = 16;

// Runs walks from random nodes to random targets and judges each by what the oracle knows.
class Walks {
 public:
  Walks(World& world, const Parameters& parameters) : world_(world), parameters_(parameters) {
    world_.on_event([this](NodeIndex node, const dht::Event& event) {
      if (const auto* done = std::get_if<dht::QueryDone>(&event)) finish(node, *done);
    });
  }

  // False when progress asked to stop.
  bool run(const Progress& progress) {
    while (finished_ < parameters_.lookups) {
      while (started_ < parameters_.lookups && under_way_.size() < kWalksAtOnce) begin();
      if (!world_.step()) break;
      if (progress && finished_ != reported_ && finished_ % 64 == 0) {
        reported_ = finished_;
        if (!progress(finished_, parameters_.lookups)) return false;
      }
    }
    return true;
  }

  RoutingResult result() const {
    const double walks = finished_ == 0 ? 1 : static_cast<double>(finished_);
    RoutingResult out;
    out.strategy = "kademlia";
    out.lookups = finished_;
    out.success = static_cast<double>(reached_) / walks;
    out.exact_k = static_cast<double>(exact_) / walks;
    out.hops_to_closest = mean_of(hops_to_closest_);
    out.hops_first = mean_of(hops_first_);
    out.requests = mean_of(requests_);
    out.latency_p50_ms = percentile_of(latency_ms_, 0.5);
    out.latency_p90_ms = percentile_of(latency_ms_, 0.9);
    out.latency_p99_ms = percentile_of(latency_ms_, 0.99);
    return out;
  }

 private:
  using Key = std::pair<NodeIndex, std::uint64_t>;

  void begin() {
    const NodeIndex from = random_live_node(world_);
    const auto target = world_.random().bytes<32>();
    ++started_;
    // A walk may end within the command; finish() then looks it up under pending_.
    pending_ = {from, target};
    const auto query =
        world_.command(from, [&](dht::Node& node, Now now) { return node.find_node(now, target); });
    if (pending_) under_way_.emplace(Key{from, query.value}, target);
    pending_.reset();
  }

  void finish(NodeIndex node, const dht::QueryDone& done) {
    const auto found = under_way_.find({node, done.query.value});
    if (found != under_way_.end()) {
      judge(node, found->second, done);
      under_way_.erase(found);
    } else if (pending_ && pending_->first == node && pending_->second == done.target) {
      judge(node, done.target, done);
      pending_.reset();
    }
  }

  void judge(NodeIndex searcher, const dht::Target& target, const dht::QueryDone& done) {
    ++finished_;
    requests_.push_back(done.requests);
    latency_ms_.push_back(to_ms(done.took));
    // The searcher does not walk to itself: it is not among the answers it could get.
    auto expected = world_.oracle().closest(target, parameters_.k + 1, world_.dead());
    std::erase(expected, searcher);
    if (expected.size() > parameters_.k) expected.resize(parameters_.k);
    const auto id_of = [this](NodeIndex node) { return world_.node(node).id(); };
    if (done.closest.empty() || expected.empty() || done.closest[0].id != id_of(expected[0]))
      return;
    ++reached_;
    hops_to_closest_.push_back(done.hops_to_closest);
    hops_first_.push_back(done.hops_first);
    bool exact = done.closest.size() == expected.size();
    for (std::size_t i = 0; exact && i < expected.size(); ++i) {
      exact = done.closest[i].id == id_of(expected[i]);
    }
    exact_ += exact ? 1 : 0;
  }

  World& world_;
  const Parameters& parameters_;
  std::map<Key, dht::Target> under_way_;
  std::optional<std::pair<NodeIndex, dht::Target>> pending_;
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t reported_ = 0;
  std::uint64_t reached_ = 0;
  std::uint64_t exact_ = 0;
  std::vector<double> hops_to_closest_;
  std::vector<double> hops_first_;
  std::vector<double> requests_;
  std::vector<double> latency_ms_;
};

}  // namespace

NodeIndex random_live_node(World& world) {
  NodeIndex node;
  do {
    node = static_cast<NodeIndex>(world.random().below(world.size()));
  } while (world.is_dead(node));
  return node;
}

void kill_some(World& world, const Parameters& parameters) {
  auto left = static_cast<std::uint64_t>(parameters.dead * static_cast<double>(world.size()));
  // Somebody must be left to look up and to be found.
  left = std::min<std::uint64_t>(left, world.size() - 2);
  for (; left > 0; --left) world.kill(random_live_node(world));
}

RunInfo describe_run(const World& world, const Parameters& parameters, bool interrupted) {
  RunInfo out;
  out.seed = parameters.seed;
  out.trace = to_hex(world.trace());
  out.nodes = world.size();
  out.events = world.stats().events;
  out.messages = world.stats().messages;
  out.bytes_per_node =
      static_cast<double>(world.memory_bytes()) / static_cast<double>(world.size());
  out.interrupted = interrupted;
  return out;
}

RoutingRun run_routing(const Parameters& parameters, const Progress& progress) {
  World world(parameters);
  world.start_from_oracle(nullptr);
  kill_some(world, parameters);
  Walks walks(world, parameters);
  const bool whole = walks.run(progress);
  return {describe_run(world, parameters, !whole), walks.result()};
}

std::vector<std::pair<std::string, std::string>> metric_definitions() {
  return {
      {"success", "share of lookups that ended at the live node closest to the target"},
      {"hops-to-closest", "depth of the shortest chain of referrals that led to the closest node"},
      {"hops-first", "referral depth at which the closest node is first named (ProbeLab RFM 19.1)"},
      {"requests", "requests sent in one lookup, retransmissions not counted"},
      {"latency", "simulated time from the start of a lookup to its end"},
      {"exact-k", "share of lookups that return exactly the k closest live nodes, in order"},
      {"estimate", "number of nodes by the density of the k closest around random targets"},
  };
}

}  // namespace cip::simulations
