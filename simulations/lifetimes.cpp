#include "simulations/lifetimes.hpp"

#include <algorithm>

#include "dht/routing_table.hpp"
#include "simulations/statistics.hpp"

namespace cip::simulations {
namespace {

constexpr Duration kHealStep = std::chrono::minutes(2);
constexpr double kFresh = 0.01;  // of all entries may be dead in a healed network
// A walk that waits for the dead takes a few seconds; none takes longer than this.
constexpr Duration kLookupEnd = std::chrono::seconds(60);
// Between two samples, each of which takes as long as its lookups.
constexpr Duration kLeastSampleGap = kLookupEnd * 5 / 4;
// Nodes look after their tables every 40 s.
constexpr Duration kUpkeepSpread = std::chrono::seconds(40);
constexpr std::size_t kClosest = 20;
constexpr std::size_t kFew = 18;

bool is_live(const World& world, const dht::Contact& contact) {
  const NodeIndex index = world.index_of(contact.endpoint);
  return index < world.size() && !world.is_dead(index);
}

class ChurnScenario {
 public:
  ChurnScenario(World& world, const Progress& progress)
      : world_(world), progress_(progress), lookups_(world) {}

  ChurnRun run() {
    ChurnRun out;
    const auto& parameters = world_.parameters();
    const TimePoint begin = world_.now().mono;
    began_ = begin;
    next_lookup_ = begin;
    const auto samples = std::clamp<std::int64_t>(parameters.duration / kLeastSampleGap, 1,
                                                  static_cast<std::int64_t>(parameters.samples));
    for (std::int64_t i = 1; i <= samples && whole_; ++i) {
      advance(begin + parameters.duration * i / samples);
      if (whole_) out.samples.push_back(sample(false));
    }
    if (whole_) out.health = judge_tables(world_);
    out.joined = static_cast<double>(world_.stats().joined);
    out.left = static_cast<double>(world_.stats().left);
    if (whole_) heal(out);
    out.info = describe_run(world_, !whole_);
    return out;
  }

 private:
  void heal(ChurnRun& out) {
    world_.calm();
    const TimePoint stopped = world_.now().mono;
    while (whole_ && world_.now().mono - stopped < kHealBound) {
      advance(world_.now().mono + kHealStep);
      if (!whole_) return;
      out.samples.push_back(sample(true));
      const auto& now = out.samples.back();
      if (now.success < 1 || now.stale > kFresh) continue;
      out.healed_s = to_ms(world_.now().mono - stopped) / 1000;
      return;
    }
  }

  // Everybody's own lookups on the way, evenly spread.
  void advance(TimePoint until) {
    const auto& parameters = world_.parameters();
    const auto n = static_cast<std::int64_t>(world_.size());
    const Duration gap = parameters.lookup_every / n;
    while (whole_ && world_.now().mono < until) {
      TimePoint at = std::min(until, world_.now().mono + std::chrono::seconds(10));
      if (parameters.lookup_every > Duration(0)) {
        next_lookup_ = std::max(next_lookup_, world_.now().mono);
        for (; next_lookup_ < at; next_lookup_ += std::max(gap, Duration(1))) {
          world_.run_until(next_lookup_);
          lookups_.begin();
        }
      }
      world_.run_until(at);
      lookups_.forget_the_dead();
      lookups_.clear();
      report(Stage::events);
    }
  }

  void report(Stage stage) {
    if (!progress_) return;
    const auto total = static_cast<std::uint64_t>(world_.parameters().duration.count() / 1'000'000);
    const auto done = static_cast<std::uint64_t>((world_.now().mono - began_).count() / 1'000'000);
    whole_ = progress_(
        {"simulated seconds", std::min(done, total), total, world_.stats().events, stage});
  }

  ChurnSample sample(bool healing) {
    ChurnSample out;
    const double seconds = to_ms(world_.now().mono - sampled_at_.value_or(began_)) / 1000;
    out.at_s = to_ms(world_.now().mono - began_) / 1000;
    out.living = static_cast<double>(world_.living());
    out.bytes_per_second = static_cast<double>(world_.stats().bytes - bytes_) /
                           std::max(seconds, 1e-3) / static_cast<double>(world_.living());
    out.healing = healing;
    measure_tables(out);
    report(Stage::judging);
    for (std::uint64_t i = 0; i < world_.parameters().lookups; ++i) lookups_.begin();
    world_.run_until(world_.now().mono + kLookupEnd);
    lookups_.forget_the_dead();
    const auto result = summarize(Strategy::kademlia, lookups_.finished());
    lookups_.clear();
    out.success = result.success;
    out.latency_p50_ms = result.latency_p50_ms;
    out.requests = result.requests;
    bytes_ = world_.stats().bytes;
    sampled_at_ = world_.now().mono;
    return out;
  }

  void measure_tables(ChurnSample& out) const {
    double entries = 0, stale = 0, tables = 0;
    for (NodeIndex i = 0; i < world_.size(); ++i) {
      if (world_.is_dead(i)) continue;
      for (const auto& member : world_.node(i).table().members()) {
        entries += 1;
        stale += is_live(world_, member.contact) ? 0 : 1;
      }
      tables += 1;
    }
    out.stale = entries == 0 ? 0 : stale / entries;
    out.table_size = entries / tables;
  }

  World& world_;
  const Progress& progress_;
  Lookups lookups_;
  TimePoint began_{};
  TimePoint next_lookup_{};
  std::optional<TimePoint> sampled_at_;
  std::uint64_t bytes_ = 0;
  bool whole_ = true;
};

}  // namespace

TableHealth judge_tables(World& world) {
  TableHealth out;
  std::vector<double> dead;
  double tables = 0, all = 0, few = 0, entries = 0, stale = 0;
  for (NodeIndex i = 0; i < world.size(); ++i) {
    if (world.is_gone(i)) continue;
    const auto& table = world.node(i).table();
    tables += 1;
    for (const auto& member : table.members()) {
      const std::size_t bucket = table.bucket_of(member.contact.id);
      if (out.fill.size() <= bucket) out.fill.resize(bucket + 1);
      if (dead.size() <= bucket) dead.resize(bucket + 1);
      out.fill[bucket] += 1;
      entries += 1;
      if (is_live(world, member.contact)) continue;
      dead[bucket] += 1;
      stale += 1;
    }
    auto closest = world.oracle().closest(world.contact(i).id.bytes, kClosest + 1, world.gone());
    std::erase(closest, i);
    if (closest.size() > kClosest) closest.resize(kClosest);
    const auto known = std::count_if(closest.begin(), closest.end(), [&](NodeIndex other) {
      return table.contains(world.contact(other).id);
    });
    const auto missing = closest.size() - static_cast<std::size_t>(known);
    all += missing == 0 ? 1 : 0;
    few += missing > kClosest - kFew ? 1 : 0;
  }
  for (std::size_t bucket = 0; bucket < out.fill.size(); ++bucket) {
    out.stale.push_back(out.fill[bucket] == 0 ? 0 : dead[bucket] / out.fill[bucket]);
    out.fill[bucket] /= tables;
  }
  out.known_all = all / tables;
  out.known_few = few / tables;
  out.stale_overall = entries == 0 ? 0 : stale / entries;
  return out;
}

ChurnRun run_churn(const Parameters& parameters, const Progress& progress) {
  auto kept_up = parameters;
  kept_up.upkeep = true;
  kept_up.spread = kUpkeepSpread;
  World world(kept_up);
  if (!world.start(progress)) {
    ChurnRun out;
    out.info = describe_run(world, true);
    return out;
  }
  return ChurnScenario(world, progress).run();
}

}  // namespace cip::simulations
