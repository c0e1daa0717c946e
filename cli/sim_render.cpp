#include "cli/sim_render.hpp"

#include <fmt/format.h>

#include <functional>

#include "simulations/statistics.hpp"

namespace cip::cli {
namespace {

using simulations::RoutingResult;
using simulations::RunInfo;

std::string replay_command(const char* scenario, const SimFlags& flags, std::uint64_t seed) {
  const auto& p = flags.parameters;
  auto out = fmt::format("cipnode sim {} --nodes {} --k {} --alpha {} --seed {} --latency {}",
                         scenario, p.nodes, p.k, p.alpha, seed, flags.latency);
  if (p.loss > 0) out += fmt::format(" --loss {}", p.loss);
  if (p.dead > 0) out += fmt::format(" --dead {}", p.dead);
  return out + (std::string_view(scenario) == "routing" ? fmt::format(" --lookups {}", p.lookups)
                                                        : fmt::format(" --walks {}", p.walks));
}

Json run_json(const RunInfo& info, const Measured& measured) {
  return {{"run", measured.number},
          {"seed", info.seed},
          {"trace", info.trace},
          {"nodes", info.nodes},
          {"wallMs", measured.wall_ms},
          {"events", info.events},
          {"eventsPerSecond", static_cast<double>(info.events) * 1000 / measured.wall_ms},
          {"bytesPerNode", info.bytes_per_node},
          {"peakBytes", measured.peak_bytes}};
}

void add_run(Pairs& pairs, const RunInfo& info, const Measured& measured, std::string replay) {
  pairs.add("run", fmt::format("{}, {} events, {} events/s, {} a node, {} at most",
                               duration_text(measured.wall_ms), count_text(info.events),
                               count_text(static_cast<std::uint64_t>(
                                   static_cast<double>(info.events) * 1000 / measured.wall_ms)),
                               bytes_text(info.bytes_per_node),
                               bytes_text(static_cast<double>(measured.peak_bytes))));
  pairs.add("trace", info.trace);
  pairs.add("repeat with", std::move(replay));
}

void add_interval(Json& out, const char* name, const std::vector<double>& samples) {
  const auto interval = simulations::interval_of(samples);
  out[name] = {{"mean", interval.mean}, {"low", interval.low}, {"high", interval.high}};
}

}  // namespace

std::string percent_text(double share) { return fmt::format("{:.4g} %", share * 100); }

Json routing_json(const RoutingRun& run, const Measured& measured) {
  auto out = run_json(run.info, measured);
  const auto& result = run.result;
  out["strategy"] = result.strategy;
  out["lookups"] = result.lookups;
  out["success"] = result.success;
  out["hopsToClosest"] = result.hops_to_closest;
  out["hopsFirst"] = result.hops_first;
  out["requests"] = result.requests;
  out["latencyMs"] = {{"p50", result.latency_p50_ms},
                      {"p90", result.latency_p90_ms},
                      {"p99", result.latency_p99_ms}};
  out["exactK"] = result.exact_k;
  return out;
}

std::string routing_text(const RoutingRun& run, const Measured& measured, const SimFlags& flags,
                         Style style) {
  const auto& result = run.result;
  Pairs pairs;
  pairs.add("network",
            fmt::format("{}, k {}, alpha {}, latency {}, seed {}", plural(run.info.nodes, "node"),
                        flags.parameters.k, flags.parameters.alpha, flags.latency, run.info.seed));
  pairs.add("lookups",
            fmt::format("{}, {} reached the closest node, {} returned exactly the k closest",
                        count_text(result.lookups), percent_text(result.success),
                        percent_text(result.exact_k)));
  pairs.add("hops", fmt::format("{:.3f} to the closest node, first named at {:.3f}",
                                result.hops_to_closest, result.hops_first));
  pairs.add("requests", fmt::format("{:.1f} a lookup", result.requests));
  pairs.add("latency",
            fmt::format("median {}, 90 % {}, 99 % {} (virtual time)",
                        duration_text(result.latency_p50_ms), duration_text(result.latency_p90_ms),
                        duration_text(result.latency_p99_ms)));
  add_run(pairs, run.info, measured, replay_command("routing", flags, run.info.seed));
  return pairs.text(style);
}

Json routing_summary(const std::vector<RoutingRun>& runs) {
  Json out = {{"summary", true}, {"strategy", runs.front().result.strategy}, {"runs", runs.size()}};
  const auto add = [&](const char* name, double RoutingResult::*member) {
    std::vector<double> samples;
    for (const auto& run : runs) samples.push_back(run.result.*member);
    add_interval(out, name, samples);
  };
  add("success", &RoutingResult::success);
  add("hopsToClosest", &RoutingResult::hops_to_closest);
  add("hopsFirst", &RoutingResult::hops_first);
  add("requests", &RoutingResult::requests);
  add("latencyP50Ms", &RoutingResult::latency_p50_ms);
  add("exactK", &RoutingResult::exact_k);
  return out;
}

std::string interval_table(const Json& summary, Style style) {
  Table table({"mean of runs", ">mean", ">low", ">high"});
  for (const auto& [name, value] : summary.items()) {
    if (!value.is_object()) continue;
    table.add({name, fmt::format("{:.4g}", number_of(value, "mean")),
               fmt::format("{:.4g}", number_of(value, "low")),
               fmt::format("{:.4g}", number_of(value, "high"))});
  }
  return "\n" + table.text(style);
}

std::string size_json_lines(const SizeRun& run, const Measured& measured) {
  std::string out;
  for (const auto& result : run.results) {
    auto line = run_json(run.info, measured);
    line["estimator"] = result.estimator;
    line["walks"] = result.walks;
    line["truth"] = result.truth;
    line["estimate"] = result.estimate;
    line["low"] = result.low;
    line["high"] = result.high;
    line["requests"] = result.requests;
    out += json_line(line) + "\n";
  }
  return out;
}

std::string size_text(const SizeRun& run, const Measured& measured, const SimFlags& flags,
                      Style style) {
  const auto whole = [](double value) {
    return count_text(static_cast<std::uint64_t>(value + 0.5));
  };
  Table table(
      {"estimator", ">truth", ">estimate", ">95 % from", ">to", ">error", ">walks", ">requests"});
  for (const auto& result : run.results) {
    table.add({result.estimator, whole(result.truth), whole(result.estimate), whole(result.low),
               whole(result.high),
               fmt::format("{:+.1f} %", (result.estimate / result.truth - 1) * 100),
               count_text(result.walks), whole(result.requests)});
  }
  Pairs pairs;
  add_run(pairs, run.info, measured, replay_command("size", flags, run.info.seed));
  return table.text(style) + "\n" + pairs.text(style);
}

}  // namespace cip::cli
