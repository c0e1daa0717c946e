#include "simulations/routing.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "dht/routing_table.hpp"
#include "simulations/forwarding.hpp"
#include "simulations/rounds.hpp"
#include "simulations/statistics.hpp"

namespace cip::simulations {
namespace {

constexpr std::pair<Strategy, std::string_view> kNames[] = {
    {Strategy::kademlia, "kademlia"}, {Strategy::kademlia_rounds, "kademlia-rounds"},
    {Strategy::greedy, "greedy"},     {Strategy::ring, "ring"},
    {Strategy::flood, "flood"},
};

template <typename Member>
double mean_over(const std::vector<Looked>& samples, Member member) {
  double sum = 0;
  for (const Looked& sample : samples) sum += static_cast<double>(member(sample));
  return samples.empty() ? 0 : sum / static_cast<double>(samples.size());
}

RoutingResult run_one(World& world, Strategy strategy, const Progress& progress, bool& whole) {
  const auto count = world.parameters().lookups;
  switch (strategy) {
    case Strategy::kademlia: {
      Lookups lookups(world);
      whole = lookups.run(count, progress);
      return summarize(strategy, lookups.finished());
    }
    case Strategy::kademlia_rounds: {
      auto out = summarize(strategy, run_rounds(world, count, progress, whole));
      out.caveat = caveat_of_rounds(world.parameters());
      return out;
    }
    default:
      return run_forwarding(world, strategy, count, progress, whole);
  }
}

}  // namespace

std::string_view name_of(Strategy strategy) {
  return kNames[static_cast<std::size_t>(strategy)].second;
}

std::optional<Strategy> parse_strategy(std::string_view text) {
  for (const auto& [strategy, name] : kNames) {
    if (name == text) return strategy;
  }
  return std::nullopt;
}

RoutingResult summarize(Strategy strategy, std::vector<Looked> samples) {
  RoutingResult out;
  out.strategy = name_of(strategy);
  out.lookups = samples.size();
  out.success = mean_over(samples, [](const Looked& l) { return l.success; });
  out.exact_k = mean_over(samples, [](const Looked& l) { return l.exact; });
  out.requests = mean_over(samples, [](const Looked& l) { return l.requests; });
  out.rounds = mean_over(samples, [](const Looked& l) { return l.rounds; });
  std::vector<Looked> reached;
  std::vector<double> latency;
  for (const Looked& sample : samples) {
    if (!sample.success) continue;
    reached.push_back(sample);
    latency.push_back(sample.latency_ms);
  }
  out.hops_to_closest = mean_over(reached, [](const Looked& l) { return l.hops_to_closest; });
  out.hops_first = mean_over(reached, [](const Looked& l) { return l.hops_first; });
  out.latency_p50_ms = percentile_of(latency, 0.5);
  out.latency_p90_ms = percentile_of(latency, 0.9);
  out.latency_p99_ms = percentile_of(latency, 0.99);
  out.samples = std::move(samples);
  return out;
}

RunInfo describe_run(const World& world, bool interrupted) {
  RunInfo out;
  out.seed = world.parameters().seed;
  out.trace = to_hex(world.trace());
  out.nodes = world.size();
  out.events = world.stats().events;
  out.messages = world.stats().messages;
  out.simulated_seconds =
      to_ms(world.now().mono.time_since_epoch() - Duration(std::chrono::hours(24))) / 1000;
  out.bytes_per_node =
      static_cast<double>(world.memory_bytes()) / static_cast<double>(world.size());
  out.interrupted = interrupted;
  return out;
}

std::vector<double> table_fill(const World& world) {
  constexpr std::size_t kMostNodes = 1000;
  std::vector<double> out;
  const std::size_t stride = std::max<std::size_t>(1, world.size() / kMostNodes);
  std::size_t tables = 0;
  for (std::size_t i = 0; i < world.size(); i += stride) {
    if (world.is_dead(static_cast<NodeIndex>(i))) continue;
    const auto& table = world.node(static_cast<NodeIndex>(i)).table();
    if (out.size() < table.bucket_count()) out.resize(table.bucket_count());
    for (std::size_t bucket = 0; bucket < table.bucket_count(); ++bucket) {
      out[bucket] += static_cast<double>(table.bucket_size(bucket));
    }
    ++tables;
  }
  for (double& fill : out) fill /= static_cast<double>(tables);
  return out;
}

RoutingRun run_routing(const Parameters& parameters, const std::vector<Strategy>& strategies,
                       const Progress& progress) {
  World world(parameters);
  RoutingRun out;
  bool whole = world.start(progress);
  const auto judged = [&] {
    return !progress || progress({"strategies", out.results.size(), strategies.size(),
                                  world.stats().events, Stage::judging});
  };
  if (whole) out.table_fill = table_fill(world);
  for (const Strategy strategy : strategies) {
    whole = whole && judged();
    if (whole) out.results.push_back(run_one(world, strategy, progress, whole));
  }
  out.info = describe_run(world, !whole);
  return out;
}

}  // namespace cip::simulations
