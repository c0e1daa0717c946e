#include "simulations/safety.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dht/queries.hpp"
#include "dht/routing_table.hpp"
#include "simulations/lifetimes.hpp"

namespace cip::simulations {
namespace {

constexpr std::size_t kMostInFlight = dht::Rpc::kMaxQueued;
constexpr std::uint64_t kFinalLookups = 20;
constexpr Duration kStep = std::chrono::seconds(10);
constexpr Duration kHealStep = std::chrono::minutes(2);

class Judge {
 public:
  explicit Judge(World& world) : world_(world), proven_(world.size()), born_(world.size()) {
    world_.on_message([this](World::Passing passing, NodeIndex self, Endpoint other,
                             const dht::Message& message) {
      if (self < world_.size()) see(passing, self, other, message);
    });
  }

  // Contacts that the start put into tables count as proven.
  void trust_tables() {
    for (NodeIndex i = 0; i < world_.size(); ++i) {
      forget_former(i);
      for (const auto& member : world_.node(i).table().members()) {
        proven_[i].insert(member.contact.endpoint);
      }
    }
  }

  void check(NodeIndex node) {
    if (!broken_.empty() || node >= world_.size() || world_.is_dead(node)) return;
    forget_former(node);
    const auto& machine = world_.node(node);
    const auto& table = machine.table();
    for (std::size_t bucket = 0; bucket < table.bucket_count(); ++bucket) {
      if (table.bucket_size(bucket) > world_.parameters().k) say(node, "has a bucket above k");
    }
    for (const auto& member : table.members()) {
      if (!proven_[node].contains(member.contact.endpoint)) {
        say(node, "holds " + to_string(member.contact.endpoint) + ", which never answered");
      }
    }
    if (machine.queries_running() > dht::Queries::kMaxRunning) say(node, "runs too many queries");
    if (machine.requests_in_flight() > kMostInFlight) say(node, "has too many requests under way");
  }
  void check_all() {
    for (NodeIndex i = 0; i < world_.size(); ++i) check(i);
  }

  void say(NodeIndex node, const std::string& what) {
    if (!broken_.empty()) return;
    const double seconds = to_ms(world_.now().mono.time_since_epoch()) / 1000;
    broken_ = fmt::format("node {} {} at {:.3f} s", node, what, seconds);
  }
  const std::string& broken() const { return broken_; }

 private:
  void see(World::Passing passing, NodeIndex self, Endpoint other, const dht::Message& message) {
    const auto* reply = std::get_if<dht::Reply>(&message);
    forget_former(self);
    if (passing == World::Passing::delivered) {
      check(self);
      if (reply != nullptr) proven_[self].insert(other);
    } else if (reply != nullptr) {
      for (const Endpoint named : reply->closer) {
        if (!proven_[self].contains(named)) {
          say(self, "hands out " + to_string(named) + ", which never answered");
        }
      }
    }
  }

  // A newcomer in this place has heard of nobody yet.
  void forget_former(NodeIndex node) {
    if (born_[node] == world_.contact(node).endpoint) return;
    born_[node] = world_.contact(node).endpoint;
    proven_[node].clear();
  }

  World& world_;
  std::vector<std::set<Endpoint>> proven_;
  std::vector<Endpoint> born_;
  std::string broken_;
};

class SafetyScenario {
 public:
  SafetyScenario(World& world, const Progress& progress)
      : world_(world), progress_(progress), judge_(world) {}

  SafetyRun run() {
    SafetyRun out;
    bool whole = world_.start(nullptr);
    if (world_.parameters().start != Start::join) judge_.trust_tables();
    began_ = world_.now().mono;
    Lookups lookups(world_);
    const TimePoint end = began_ + world_.parameters().duration;
    while (whole && judge_.broken().empty() && world_.now().mono < end) {
      lookups.begin();
      out.walks += 1;
      whole = advance(world_.now().mono + kStep);
      lookups.forget_the_dead();
    }
    if (whole && judge_.broken().empty()) {
      world_.calm();
      whole = advance(world_.now().mono + walk_end(world_.parameters().alpha));
      lookups.forget_the_dead();
      if (lookups.under_way() > 0) judge_.say(0, "or another one walks without end");
    }
    if (whole && judge_.broken().empty()) heal(out, lookups);
    judge_.check_all();
    out.broken = judge_.broken();
    out.info = describe_run(world_, !whole);
    return out;
  }

 private:
  // Event by event, everyone touched is looked at.
  bool advance(TimePoint until) {
    while (judge_.broken().empty() && world_.next_at() && *world_.next_at() <= until) {
      world_.step();
      judge_.check(world_.touched());
    }
    if (judge_.broken().empty()) world_.run_until(until);
    return !progress_ ||
           progress_({"simulated seconds", elapsed(), total(), world_.stats().events});
  }

  void heal(SafetyRun& out, Lookups& lookups) {
    const TimePoint calm = world_.now().mono;
    while (world_.now().mono - calm < kHealBound) {
      lookups.clear();
      for (std::uint64_t i = 0; i < kFinalLookups; ++i) lookups.begin();
      if (!advance(world_.now().mono + kHealStep)) return;
      const auto& done = lookups.finished();
      // Impostors may be closer to a target than anybody else.
      const bool judged = world_.parameters().impostors.count == 0;
      const auto good = std::count_if(done.begin(), done.end(),
                                      [&](const Looked& walk) { return walk.success || !judged; });
      if (static_cast<std::uint64_t>(good) < kFinalLookups) continue;
      out.healed_s = to_ms(world_.now().mono - calm) / 1000;
      return;
    }
    judge_.say(0, "and the others do not find each other again");
  }

  std::uint64_t elapsed() const {
    return std::min(total(), static_cast<std::uint64_t>(to_ms(world_.now().mono - began_) / 1000));
  }
  std::uint64_t total() const {
    return static_cast<std::uint64_t>(to_ms(world_.parameters().duration) / 1000);
  }

  World& world_;
  const Progress& progress_;
  Judge judge_;
  TimePoint began_{};
};

std::string describe(const Parameters& p) {
  return fmt::format(
      "{} nodes, k {}, alpha {}, start {}, loss {:.2f}, reorder {:.2f}, dead {:.2f}, nat {:.2f}, "
      "{} impostors, churn mean {:.0f} s, partition {:.0f} s",
      p.nodes, p.k, p.alpha, name_of(p.start), p.loss, p.reorder, p.dead, p.nat, p.impostors.count,
      to_ms(p.churn.mean) / 1000,
      p.partition ? to_ms(p.partition->end - p.partition->begin) / 1000 : 0.0);
}

}  // namespace

Parameters draw_parameters(std::uint64_t seed) {
  SeededRandom random{seed ^ 0x5afe'5eed};
  const auto one_in = [&](std::uint64_t n) { return random.below(n) == 0; };
  const auto minutes = [&](std::uint64_t low, std::uint64_t high) {
    return Duration(std::chrono::minutes(low + random.below(high - low + 1)));
  };
  Parameters out;
  out.seed = seed;
  out.upkeep = true;
  out.nodes = 10 + random.below(70);
  constexpr std::uint64_t kSizes[] = {4, 8, 20, 20};
  constexpr std::uint64_t kParallel[] = {1, 3, 10, 10};
  out.k = kSizes[random.below(std::size(kSizes))];
  out.alpha = kParallel[random.below(std::size(kParallel))];
  constexpr const char* kLatencies[] = {"const:50ms", "uniform:1ms..300ms", "lognormal:60ms:0.8",
                                        "king"};
  out.latency = *parse_latency(kLatencies[random.below(std::size(kLatencies))]);
  out.start = one_in(2) ? Start::join : Start::oracle;
  if (one_in(2)) out.loss = 0.2 * random.unit();
  if (one_in(2)) out.reorder = 0.5 * random.unit();
  if (one_in(3)) out.dead = 0.3 * random.unit();
  if (one_in(3)) out.nat = 0.3 * random.unit();
  if (one_in(3)) out.impostors.count = 1 + random.below(8);
  out.duration = minutes(5, 20);
  if (one_in(2)) {
    out.churn.kind = ChurnModel::Kind::weibull;
    out.churn.shape = 0.5 + random.unit();
    out.churn.mean = minutes(15, 120);
  }
  if (one_in(3)) {
    const Duration begin = minutes(0, 3);
    out.partition = Partition{begin, begin + minutes(1, 2)};
  }
  return out;
}

SafetyRun run_safety(std::uint64_t seed, const Progress& progress) {
  const Parameters parameters = draw_parameters(seed);
  World world(parameters);
  auto out = SafetyScenario(world, progress).run();
  out.world = describe(parameters);
  return out;
}

}  // namespace cip::simulations
