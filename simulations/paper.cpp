#include "simulations/paper.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "simulations/lifetimes.hpp"
#include "simulations/statistics.hpp"

namespace cip::simulations {
namespace {

constexpr std::pair<Paper, std::string_view> kNames[] = {
    {Paper::k1, "K1"}, {Paper::k2, "K2"}, {Paper::k3, "K3"}, {Paper::k7, "K7"}};
constexpr double kTolerance = 0.05;
// The production walk does not wait for rounds; this many times their requests it may need.
constexpr double kMostRequests = 1.25;

std::uint64_t or_else(std::uint64_t given, std::uint64_t published) {
  return given == 0 ? published : given;
}

PaperRow within_tolerance(std::string figure, double published, double ours) {
  return {std::move(figure),
          published,
          published * (1 - kTolerance),
          published * (1 + kTolerance),
          ours,
          ""};
}
PaperRow at_most(std::string figure, double published, double ours) {
  return {std::move(figure), published, 0, published, ours, ""};
}
PaperRow at_least(std::string figure, double published, double ours) {
  return {std::move(figure), published, published, 1e300, ours, ""};
}
// Nobody published what it should be.
PaperRow within_our_limit(std::string figure, double limit, double ours) {
  return {std::move(figure), std::nullopt, 0, limit, ours, ""};
}

class PaperScenario {
 public:
  PaperScenario(Paper paper, const PaperOptions& options, const Progress& progress)
      : paper_(paper), options_(options), progress_(progress) {}

  PaperRun run() {
    switch (paper_) {
      case Paper::k1:
        hops_by_bucket_size();
        break;
      case Paper::k2:
        hops_by_nodes();
        break;
      case Paper::k3:
        tables_under_churn();
        break;
      case Paper::k7:
        time_between_regions();
        break;
    }
    return std::move(out_);
  }

 private:
  // Nothing when progress asked to stop.
  std::optional<RoutingRun> route(const Parameters& parameters, std::vector<Strategy> strategies) {
    if (out_.interrupted) return std::nullopt;
    auto run = run_routing(parameters, strategies, progress_);
    out_.runs.push_back(run.info);
    out_.interrupted = run.info.interrupted;
    if (out_.interrupted) return std::nullopt;
    return run;
  }

  void note_nodes(std::uint64_t published, std::uint64_t used) {
    if (published == used) return;
    for (PaperRow& row : out_.rows) row.remark += fmt::format("with {} nodes; ", used);
  }

  void hops_by_bucket_size() {
    out_.title = "K1: hops-first by bucket size (ProbeLab RFM 19.1)";
    Parameters parameters = largest_world(paper_, options_);
    parameters.k = 20;
    std::vector<double> walks, rounds;
    for (std::uint64_t i = 0; i < or_else(options_.runs, 5); ++i) {
      parameters.seed = options_.seed + i;
      const auto run = route(parameters, {Strategy::kademlia, Strategy::kademlia_rounds});
      if (!run) break;
      walks.push_back(run->results[0].hops_first);
      rounds.push_back(run->results[1].hops_first);
    }
    if (walks.empty()) return;
    out_.rows.push_back(
        {"hops-first, k 20, production walk", 1.929, 1.87, 2.03, mean_of(walks), ""});
    out_.rows.push_back({"hops-first, k 20, rounds", 1.929, 1.87, 2.03, mean_of(rounds), ""});
    constexpr std::pair<std::uint64_t, double> kBySize[] = {
        {10, 2.165}, {30, 1.868}, {40, 1.834}, {50, 1.806}, {100, 1.692}};
    for (const auto& [k, published] : kBySize) {
      parameters.k = k;
      const auto run = route(parameters, {Strategy::kademlia_rounds});
      if (!run) break;
      out_.rows.push_back(within_tolerance(fmt::format("hops-first, k {}, rounds", k), published,
                                           run->results[0].hops_first));
    }
    note_nodes(25'000, parameters.nodes);
  }

  struct LookupFigures {
    double hops_to_closest;
    double hops_first;
    double requests;
  };
  struct SizeFigure {
    std::uint64_t nodes;
    LookupFigures published;
  };

  // All nodes hold the same members of a large bucket: only so do the figures come out in networks
  // of 100,000 and more. Paths are then less diverse, and longer, than in a network that grew.
  void hops_by_nodes() {
    out_.title = "K2: hops and requests by the number of nodes";
    constexpr SizeFigure kFigures[] = {{1'000, {1.89, 1.27, 27.9}},
                                       {10'000, {2.38, 1.82, 32.0}},
                                       {100'000, {2.95, 2.34, 37.9}},
                                       {1'000'000, {3.55, 2.86, 43.7}}};
    Parameters parameters = largest_world(paper_, options_);
    const std::uint64_t largest = parameters.nodes;
    for (const SizeFigure& figure : kFigures) {
      if (figure.nodes > largest) continue;
      parameters.nodes = figure.nodes;
      const auto run = route(parameters, {Strategy::kademlia, Strategy::kademlia_rounds});
      if (!run) return;
      add_size(figure, run->results[0], run->results[1]);
    }
  }

  void add_size(const SizeFigure& figure, const RoutingResult& walk, const RoutingResult& rounds) {
    const auto named = [&](const char* what) {
      return fmt::format("{}, N {}", what, figure.nodes);
    };
    auto& rows = out_.rows;
    const LookupFigures& published = figure.published;
    rows.push_back(within_tolerance(named("hops-to-closest"), published.hops_to_closest,
                                    walk.hops_to_closest));
    rows.push_back(within_tolerance(named("hops-first"), published.hops_first, walk.hops_first));
    rows.push_back(
        within_tolerance(named("requests, rounds"), published.requests, rounds.requests));
    rows.push_back(within_our_limit(named("requests, production walk"),
                                    kMostRequests * published.requests, walk.requests));
    rows.back().remark = "our limit: 1.25 times what is published of rounds; ";
    rows.push_back({named("exact-k, %"), 100, 99.9, 100, walk.exact_k * 100, ""});
    out_.hops_by_nodes.push_back(
        {static_cast<double>(figure.nodes), published.hops_to_closest, walk.hops_to_closest});
  }

  void tables_under_churn() {
    out_.title = "K3: tables under churn (ProbeLab RFM 19)";
    const Parameters parameters = largest_world(paper_, options_);
    const auto run = run_churn(parameters, progress_);
    out_.runs.push_back(run.info);
    out_.interrupted = run.info.interrupted;
    if (run.health.fill.empty()) return;
    const auto& health = run.health;
    out_.rows.push_back(
        at_least("nodes that know all their 20 closest, %", 61.09, health.known_all * 100));
    out_.rows.push_back(
        at_most("nodes that know fewer than 18 of them, %", 4.79, health.known_few * 100));
    out_.rows.push_back(at_most("dead entries in bucket 0, %", 3.78, health.stale[0] * 100));
    const double hours = to_ms(parameters.duration) / 3.6e6;
    for (PaperRow& row : out_.rows) {
      row.remark = fmt::format(
          "after {:.3g} h; tables refresh when idle for 5 min (10 while no member is lost), and "
          "check the oldest contacts every 40 s; ",
          hours);
    }
    note_nodes(20'811, parameters.nodes);
  }

  void time_between_regions() {
    out_.title = "K7: time of a lookup between world regions (SIGCOMM 2022, IPFS)";
    const Parameters parameters = largest_world(paper_, options_);
    const auto run = route(parameters, {Strategy::kademlia});
    if (!run) return;
    out_.rows.push_back(at_most("median of a lookup, ms", 622, run->results[0].latency_p50_ms));
    out_.rows.back().remark = "all nodes live, where the measured network had dead ones; ";
    note_nodes(15'000, parameters.nodes);
  }

  Paper paper_;
  PaperOptions options_;
  const Progress& progress_;
  PaperRun out_;
};

}  // namespace

std::string_view name_of(Paper paper) { return kNames[static_cast<std::size_t>(paper)].second; }

std::optional<Paper> parse_paper(std::string_view text) {
  for (const auto& [paper, name] : kNames) {
    if (name == text) return paper;
  }
  return std::nullopt;
}

Parameters largest_world(Paper paper, const PaperOptions& options) {
  Parameters out;
  out.seed = options.seed;
  switch (paper) {
    case Paper::k1:
      out.nodes = or_else(options.nodes, 25'000);
      out.lookups = or_else(options.lookups, 10'000);
      out.k = 100;
      break;
    case Paper::k2:
      out.nodes = or_else(options.nodes, 100'000);
      out.lookups = or_else(options.lookups, 5'000);
      out.start = Start::shared;
      break;
    case Paper::k3:
      out.nodes = or_else(options.nodes, 20'811);
      out.lookups = or_else(options.lookups, 50);
      out.duration = options.duration > Duration(0) ? options.duration : std::chrono::hours(24);
      out.upkeep = true;
      out.churn.kind = ChurnModel::Kind::weibull;
      out.churn.shape = 0.608;
      out.churn.mean = std::chrono::minutes(324);  // 5.4 h
      break;
    case Paper::k7:
      out.nodes = or_else(options.nodes, 15'000);
      out.lookups = or_else(options.lookups, 5'000);
      out.latency.kind = LatencyModel::Kind::king;
      break;
  }
  return out;
}

PaperRun run_paper(Paper paper, const PaperOptions& options, const Progress& progress) {
  return PaperScenario(paper, options, progress).run();
}

}  // namespace cip::simulations
