#include "cli/sim_render.hpp"

#include <fmt/format.h>

#include <cmath>

#include "simulations/statistics.hpp"

namespace cip::cli {
namespace {

using simulations::ChurnSample;
using simulations::PaperRow;
using simulations::RoutingResult;
using simulations::RunInfo;

// Without those of the set-up, which took their own time.
double events_per_second(const RunInfo& info, const Measured& measured, double ms) {
  return static_cast<double>(info.events - measured.set_up_events) * 1000 / ms;
}

Json run_json(const RunInfo& info, const Measured& measured) {
  Json out = {{"run", measured.number},
              {"seed", info.seed},
              {"trace", info.trace},
              {"nodes", info.nodes},
              {"wallMs", measured.wall_ms},
              {"cpuMs", measured.cpu_ms},
              {"setUpMs", measured.set_up_ms},
              {"eventsMs", measured.events_ms},
              {"eventsCpuMs", measured.events_cpu_ms},
              {"simulatedSeconds", info.simulated_seconds},
              {"events", info.events},
              {"setUpEvents", measured.set_up_events},
              {"eventsPerSecond", events_per_second(info, measured, measured.events_ms)},
              {"eventsPerCpuSecond", events_per_second(info, measured, measured.events_cpu_ms)},
              {"bytesPerNode", info.bytes_per_node},
              {"peakBytes", measured.peak_bytes}};
  if (info.interrupted) out["interrupted"] = true;
  return out;
}

void add_run(Pairs& pairs, const RunInfo& info, const Measured& measured, std::string replay) {
  if (info.interrupted) pairs.add("interrupted", "figures cover what was done until then");
  const auto per_second = [&](double ms) {
    return count_text(static_cast<std::uint64_t>(events_per_second(info, measured, ms)));
  };
  pairs.add("set-up", fmt::format("{}, {} events", duration_text(measured.set_up_ms),
                                  count_text(measured.set_up_events)));
  pairs.add("run", fmt::format("{}, {} events, {} events/s ({} a second of processor time)",
                               duration_text(measured.events_ms),
                               count_text(info.events - measured.set_up_events),
                               per_second(measured.events_ms), per_second(measured.events_cpu_ms)));
  pairs.add("simulated",
            fmt::format("{}, {:.3g} seconds a second", duration_text(info.simulated_seconds * 1000),
                        info.simulated_seconds * 1000 / measured.events_ms));
  pairs.add("memory", fmt::format("{} a node, {} at most", bytes_text(info.bytes_per_node),
                                  bytes_text(static_cast<double>(measured.peak_bytes))));
  pairs.add("trace", info.trace);
  pairs.add("repeat with", std::move(replay));
}

std::string network_text(const RunInfo& info, const SimFlags& flags) {
  return fmt::format("{}, k {}, alpha {}, latency {}, seed {}", plural(info.nodes, "node"),
                     flags.parameters.k, flags.parameters.alpha, flags.latency, info.seed);
}

void add_interval(Json& out, const char* name, const std::vector<double>& samples) {
  const auto interval = simulations::interval_of(samples);
  out[name] = {{"mean", interval.mean}, {"low", interval.low}, {"high", interval.high}};
}

bool is_kademlia(const RoutingResult& result) { return result.strategy.starts_with("kademlia"); }

std::string whole_text(double value) {
  return count_text(static_cast<std::uint64_t>(std::max(value, 0.0) + 0.5));
}

const ChurnSample* last_of_churn(const ChurnRun& run) {
  const ChurnSample* out = nullptr;
  for (const auto& sample : run.samples) {
    if (!sample.healing) out = &sample;
  }
  return out;
}

// A network that nobody left is put to the test of healing, too: are lookups and tables sound?
std::string healed_text(const ChurnRun& run) {
  const auto within = run.healed_s ? "within " + duration_text(*run.healed_s * 1000)
                                   : "not within " + duration_text(to_ms(simulations::kHealBound));
  if (run.joined + run.left > 0) return within;
  return "no churn to heal from; sound " + within;
}

// Where a figure counts as hit.
std::string hit_range(const PaperRow& row) {
  if (row.high >= 1e300) return fmt::format("from {:.4g}", row.low);
  if (row.low <= 0) return fmt::format("to {:.4g}", row.high);
  return fmt::format("{:.4g} to {:.4g}", row.low, row.high);
}

double mean_success(const ChurnRun& run) {
  std::vector<double> out;
  for (const auto& sample : run.samples) {
    if (!sample.healing) out.push_back(sample.success);
  }
  return simulations::mean_of(out);
}

}  // namespace

std::string percent_text(double share) { return fmt::format("{:.4g} %", share * 100); }

// ---- routing

std::string routing_json_lines(const RoutingRun& run, const Measured& measured) {
  std::string out;
  for (const auto& result : run.results) {
    auto line = run_json(run.info, measured);
    line["strategy"] = result.strategy;
    line["lookups"] = result.lookups;
    line["success"] = result.success;
    line["hopsToClosest"] = result.hops_to_closest;
    line["requests"] = result.requests;
    line["latencyMs"] = {{"p50", result.latency_p50_ms},
                         {"p90", result.latency_p90_ms},
                         {"p99", result.latency_p99_ms}};
    if (is_kademlia(result)) {
      line["hopsFirst"] = result.hops_first;
      line["exactK"] = result.exact_k;
    }
    if (result.rounds > 0) line["rounds"] = result.rounds;
    if (!result.remark.empty()) line["remark"] = result.remark;
    out += json_line(line) + "\n";
  }
  return out;
}

std::string routing_text(const RoutingRun& run, const Measured& measured, const SimFlags& flags,
                         Style style) {
  Table table({"strategy", ">lookups", ">success", ">hops", ">hops-first", ">requests", ">rounds",
               ">exact-k", ">median", ">90 %", ">99 %"});
  Pairs pairs;
  for (const auto& result : run.results) {
    const bool walk = is_kademlia(result);
    table.add({result.strategy, count_text(result.lookups), percent_text(result.success),
               fmt::format("{:.3f}", result.hops_to_closest),
               walk ? fmt::format("{:.3f}", result.hops_first) : "-",
               fmt::format("{:.1f}", result.requests),
               result.rounds > 0 ? fmt::format("{:.2f}", result.rounds) : "-",
               walk ? percent_text(result.exact_k) : "-", duration_text(result.latency_p50_ms),
               duration_text(result.latency_p90_ms), duration_text(result.latency_p99_ms)});
    pairs.add(result.strategy, result.remark);
    pairs.add(result.strategy, result.caveat);
  }
  pairs.add("network", network_text(run.info, flags));
  add_run(pairs, run.info, measured, replay_command("routing", flags, run.info.seed));
  return (table.empty() ? "" : table.text(style) + "\n") + pairs.text(style);
}

std::vector<Json> routing_summaries(const std::vector<RoutingRun>& runs) {
  std::vector<Json> out;
  for (std::size_t i = 0; !runs.empty() && i < runs.front().results.size(); ++i) {
    const auto& name = runs.front().results[i].strategy;
    std::vector<const RoutingResult*> results;
    for (const auto& run : runs) {
      if (i < run.results.size()) results.push_back(&run.results[i]);
    }
    Json line = {{"summary", true}, {"strategy", name}, {"runs", results.size()}};
    const auto add = [&](const char* metric, double RoutingResult::*member) {
      std::vector<double> samples;
      for (const auto* result : results) samples.push_back(result->*member);
      add_interval(line, metric, samples);
    };
    add("success", &RoutingResult::success);
    add("hopsToClosest", &RoutingResult::hops_to_closest);
    add("requests", &RoutingResult::requests);
    add("latencyP50Ms", &RoutingResult::latency_p50_ms);
    if (name.starts_with("kademlia")) {
      add("hopsFirst", &RoutingResult::hops_first);
      add("exactK", &RoutingResult::exact_k);
    }
    out.push_back(std::move(line));
  }
  return out;
}

std::string interval_table(const std::vector<Json>& summaries, Style style) {
  Table table({"mean of runs", "", ">mean", ">95 % from", ">to"});
  for (const auto& summary : summaries) {
    for (const auto& [name, value] : summary.items()) {
      if (!value.is_object()) continue;
      table.add({text_of(summary, "strategy"), name,
                 fmt::format("{:.4g}", number_of(value, "mean")),
                 fmt::format("{:.4g}", number_of(value, "low")),
                 fmt::format("{:.4g}", number_of(value, "high"))});
    }
  }
  return "\n" + table.text(style);
}

std::string routing_csv(const std::vector<RoutingRun>& runs) {
  std::string out =
      "run,seed,strategy,lookup,success,exact,hopsToClosest,hopsFirst,requests,rounds,latencyMs\n";
  for (std::size_t run = 0; run < runs.size(); ++run) {
    for (const auto& result : runs[run].results) {
      for (std::size_t i = 0; i < result.samples.size(); ++i) {
        const auto& s = result.samples[i];
        out += fmt::format("{},{},{},{},{},{},{},{},{},{},{:.3f}\n", run, runs[run].info.seed,
                           result.strategy, i, s.success ? 1 : 0, s.exact ? 1 : 0,
                           s.hops_to_closest, s.hops_first, s.requests, s.rounds, s.latency_ms);
      }
    }
  }
  return out;
}

// ---- size

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
    if (result.estimator == "common-peers") {
      line["expectedShare"] = run.predicted_capture;
      for (const auto& point : run.capture) {
        line["curve"].push_back({{"steps", point.steps}, {"estimate", point.estimate}});
      }
    }
    if (result.estimator == "density") line["disagree"] = run.disagree;
    out += json_line(line) + "\n";
  }
  return out;
}

std::string size_text(const SizeRun& run, const Measured& measured, const SimFlags& flags,
                      Style style) {
  Table table(
      {"estimator", ">truth", ">estimate", ">95 % from", ">to", ">error", ">walks", ">requests"});
  for (const auto& result : run.results) {
    table.add({result.estimator, whole_text(result.truth), whole_text(result.estimate),
               whole_text(result.low), whole_text(result.high),
               fmt::format("{:+.1f} %", (result.estimate / result.truth - 1) * 100),
               count_text(result.walks), whole_text(result.requests)});
  }
  Pairs pairs;
  if (run.disagree) pairs.add("warning", "density and robust differ by more than 3 sd");
  if (!run.capture.empty()) {
    std::string curve;
    for (const auto& point : run.capture) {
      curve += fmt::format("{}{:+.0f} % at {:.0f} steps", curve.empty() ? "" : ", ",
                           (point.estimate / run.results.front().truth - 1) * 100, point.steps);
    }
    pairs.add("common peers", curve + fmt::format("; the skew of the tables predicts {:+.0f} %",
                                                  (run.predicted_capture - 1) * 100));
  }
  pairs.add("network", network_text(run.info, flags));
  add_run(pairs, run.info, measured, replay_command("size", flags, run.info.seed));
  return (table.empty() ? "" : table.text(style) + "\n") + pairs.text(style);
}

std::vector<Json> size_summaries(const std::vector<SizeRun>& runs) {
  std::vector<Json> out;
  for (const auto& summary : simulations::summarize_size(runs)) {
    out.push_back({{"summary", true},
                   {"estimator", summary.estimator},
                   {"runs", runs.size()},
                   {"bias", summary.bias},
                   {"sd", summary.sd},
                   {"coverage", summary.coverage}});
  }
  return out;
}

std::string size_summary_table(const std::vector<SizeRun>& runs, Style style) {
  Table table({"over all runs", ">bias", ">sd", ">interval holds the truth"});
  for (const auto& summary : simulations::summarize_size(runs)) {
    table.add({summary.estimator, percent_text(summary.bias), percent_text(summary.sd),
               percent_text(summary.coverage)});
  }
  return "\n" + table.text(style);
}

std::string size_csv(const std::vector<SizeRun>& runs) {
  std::string out = "run,seed,estimator,walks,truth,estimate,low,high,requests\n";
  for (std::size_t run = 0; run < runs.size(); ++run) {
    for (const auto& r : runs[run].results) {
      out += fmt::format("{},{},{},{},{},{:.1f},{:.1f},{:.1f},{}\n", run, runs[run].info.seed,
                         r.estimator, r.walks, r.truth, r.estimate, r.low, r.high, r.requests);
    }
  }
  return out;
}

// ---- churn

std::string churn_json_lines(const ChurnRun& run, const Measured& measured) {
  std::string out;
  for (const auto& s : run.samples) {
    out += json_line({{"run", measured.number},
                      {"seed", run.info.seed},
                      {"atSeconds", s.at_s},
                      {"living", s.living},
                      {"success", s.success},
                      {"latencyP50Ms", s.latency_p50_ms},
                      {"requests", s.requests},
                      {"bytesPerSecond", s.bytes_per_second},
                      {"stale", s.stale},
                      {"tableSize", s.table_size},
                      {"healing", s.healing}}) +
           "\n";
  }
  auto line = run_json(run.info, measured);
  line["joined"] = run.joined;
  line["left"] = run.left;
  line["known20"] = run.health.known_all;
  line["knownBelow18"] = run.health.known_few;
  line["staleByBucket"] = run.health.stale;
  line["fillByBucket"] = run.health.fill;
  line["healedSeconds"] = run.healed_s ? Json(*run.healed_s) : Json(nullptr);
  return out + json_line(line) + "\n";
}

std::string churn_text(const ChurnRun& run, const Measured& measured, const SimFlags& flags,
                       Style style) {
  Table table({">time", ">living", ">success", ">median", ">requests", ">traffic a node",
               ">dead entries", ">table", ""});
  for (const auto& s : run.samples) {
    table.add({duration_text(s.at_s * 1000), whole_text(s.living), percent_text(s.success),
               duration_text(s.latency_p50_ms), fmt::format("{:.1f}", s.requests),
               bytes_text(s.bytes_per_second) + "/s", percent_text(s.stale),
               fmt::format("{:.1f}", s.table_size), s.healing ? "healing" : ""});
  }
  Pairs pairs;
  pairs.add("came and went",
            fmt::format("{} joined, {} left", whole_text(run.joined), whole_text(run.left)));
  if (!run.health.fill.empty()) {
    pairs.add("tables",
              fmt::format("{} of the nodes know their 20 closest, {} fewer than 18; "
                          "{} of the entries in bucket 0 are dead",
                          percent_text(run.health.known_all), percent_text(run.health.known_few),
                          percent_text(run.health.stale[0])));
  }
  if (!run.info.interrupted) pairs.add("healed", healed_text(run));
  pairs.add("network", network_text(run.info, flags) + ", churn " + flags.churn);
  add_run(pairs, run.info, measured, replay_command("churn", flags, run.info.seed));
  return (table.empty() ? "" : table.text(style) + "\n") + pairs.text(style);
}

std::vector<Json> churn_summaries(const std::vector<ChurnRun>& runs) {
  Json out = {{"summary", true}, {"runs", runs.size()}};
  const auto add = [&](const char* name, auto value) {
    std::vector<double> samples;
    for (const auto& run : runs) {
      if (last_of_churn(run) != nullptr) samples.push_back(value(run));
    }
    add_interval(out, name, samples);
  };
  add("success", mean_success);
  add("stale", [](const ChurnRun& run) { return last_of_churn(run)->stale; });
  add("bytesPerSecond", [](const ChurnRun& run) { return last_of_churn(run)->bytes_per_second; });
  add("latencyP50Ms", [](const ChurnRun& run) { return last_of_churn(run)->latency_p50_ms; });
  add("known20", [](const ChurnRun& run) { return run.health.known_all; });
  return {out};
}

std::string churn_csv(const std::vector<ChurnRun>& runs) {
  std::string out =
      "run,seed,atSeconds,living,success,latencyP50Ms,requests,bytesPerSecond,stale,tableSize,"
      "healing\n";
  for (std::size_t run = 0; run < runs.size(); ++run) {
    for (const auto& s : runs[run].samples) {
      out += fmt::format("{},{},{},{},{},{:.3f},{:.2f},{:.2f},{:.5f},{:.2f},{}\n", run,
                         runs[run].info.seed, s.at_s, s.living, s.success, s.latency_p50_ms,
                         s.requests, s.bytes_per_second, s.stale, s.table_size, s.healing ? 1 : 0);
    }
  }
  return out;
}

// ---- papers

std::string paper_json_lines(const PaperRun& run) {
  std::string out;
  for (const PaperRow& row : run.rows) {
    Json line = {{"paper", run.title}, {"figure", row.figure}, {"ours", row.ours},
                 {"low", row.low},     {"hit", row.is_hit()},  {"remark", row.remark}};
    line["published"] = row.published ? Json(*row.published) : Json(nullptr);
    line["high"] = row.high < 1e300 ? Json(row.high) : Json(nullptr);
    out += json_line(line) + "\n";
  }
  return out;
}

std::string paper_text(const PaperRun& run, Style style) {
  Table table({"figure", ">published", ">ours", "hit", "", "remark"});
  std::size_t hits = 0;
  for (const PaperRow& row : run.rows) {
    hits += row.is_hit() ? 1 : 0;
    table.add({row.figure, row.published ? fmt::format("{:.4g}", *row.published) : "-",
               fmt::format("{:.4g}", row.ours), hit_range(row), row.is_hit() ? "hit" : "missed",
               row.remark});
  }
  return fmt::format("{}\n\n{}\n{} of {} figures hit{}\n", run.title, table.text(style), hits,
                     run.rows.size(), run.interrupted ? ", interrupted" : "");
}

std::string paper_csv(const PaperRun& run) {
  std::string out = "figure,published,low,high,ours,hit\n";
  for (const PaperRow& row : run.rows) {
    out += fmt::format(
        "\"{}\",{},{},{},{},{}\n", row.figure, row.published ? std::to_string(*row.published) : "",
        row.low, row.high < 1e300 ? std::to_string(row.high) : "", row.ours, row.is_hit() ? 1 : 0);
  }
  return out;
}

// ---- safety

std::string safety_json_line(const simulations::SafetyRun& run, const Measured& measured) {
  auto line = run_json(run.info, measured);
  line["world"] = run.world;
  line["broken"] = run.broken.empty() ? Json(nullptr) : Json(run.broken);
  line["walks"] = run.walks;
  line["healedSeconds"] = run.healed_s;
  return json_line(line) + "\n";
}

std::string safety_text(const simulations::SafetyRun& run) {
  const auto end = run.info.interrupted ? std::string("interrupted")
                   : run.broken.empty() ? fmt::format("held, healed in {:.0f} s", run.healed_s)
                                        : "BROKEN: " + run.broken;
  return fmt::format("seed {}: {} ({}, {} events)\n", run.info.seed, end, run.world,
                     count_text(run.info.events));
}

std::string safety_json_line(const simulations::StreamSafetyRun& run, const Measured& measured) {
  return json_line({{"seed", run.seed},
                    {"world", run.world},
                    {"broken", run.broken.empty() ? Json(nullptr) : Json(run.broken)},
                    {"gaveUp", run.gave_up},
                    {"bytes", run.bytes},
                    {"packets", run.packets},
                    {"simulatedSeconds", run.seconds},
                    {"wallMs", measured.wall_ms}}) +
         "\n";
}

std::string safety_text(const simulations::StreamSafetyRun& run) {
  const auto end = !run.broken.empty() ? "BROKEN: " + run.broken
                   : run.gave_up       ? fmt::format("held, gave up after {:.1f} s", run.seconds)
                                       : fmt::format("held, closed in {:.1f} s", run.seconds);
  return fmt::format("seed {}: {} ({}, {} packets)\n", run.seed, end, run.world,
                     count_text(run.packets));
}

}  // namespace cip::cli
