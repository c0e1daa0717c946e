// cipnode sim: the production nodes in a virtual network, measured.

#include <fmt/format.h>

#include "cli/application.hpp"
#include "cli/files.hpp"
#include "cli/large_pages.hpp"
#include "cli/sim_charts.hpp"
#include "cli/sim_flags.hpp"
#include "cli/sim_render.hpp"
#include "cli/sim_report.hpp"
#include "cli/sim_run.hpp"
#include "simulations/metrics.hpp"

namespace cip::cli {
namespace {

using simulations::Parameters;
using simulations::Progress;

// How one scenario prints and draws its runs.
template <typename Run>
struct Scenario {
  const char* name;
  Run (*run)(const Parameters&, const SimFlags&, const Progress&);
  std::string (*json)(const Run&, const Measured&);
  std::string (*text)(const Run&, const Measured&, const SimFlags&, Style);
  std::vector<Json> (*summaries)(const std::vector<Run>&);
  std::string (*summary_text)(const std::vector<Run>&, Style);
  std::string (*csv)(const std::vector<Run>&);
  std::vector<Chart> (*charts)(const std::vector<Run>&);
};

// That the files can be written was checked before the runs; a disk may be full by now.
std::optional<Error> write_asked(const std::string& name, const std::string& bytes) {
  if (name.empty()) return std::nullopt;
  const auto written = write_file(name, bytes);
  return written ? std::nullopt : std::optional(written.error());
}

struct Outputs {
  std::string title;
  std::string caption;
  std::string text;  // as printed
  std::string csv;
  std::vector<Chart> charts;
};

template <typename Flags>
std::optional<Error> write_files(const Flags& flags, const Outputs& out) {
  if (auto failed = write_asked(flags.csv, out.csv)) return failed;
  if (auto failed = write_asked(flags.svg, svg_document(out.title, out.caption, out.charts))) {
    return failed;
  }
  return write_asked(flags.html, html_page(out.title, out.caption, out.text, out.charts));
}

// What stands above the pictures; why they are fewer, or none.
std::string caption_of(const std::string& replay, bool complete, bool has_charts) {
  auto out = "Repeat with " + replay;
  if (!has_charts) return out + " . Interrupted before its first result: nothing to draw.";
  return complete ? out : out + " . Interrupted: this covers what was done until then.";
}

template <typename Run>
int run_scenario(Context& context, SimFlags& flags, const Scenario<Run>& scenario) {
  if (const auto wrong = prepare(flags)) return report(context, *wrong);
  if (std::min(flags.runs, flags.jobs) == 1) {
    reserve_large_pages(simulations::needed_bytes(flags.parameters));
  }
  std::vector<Run> runs;
  std::string shown;
  const bool json = context.globals.json;
  const bool complete = run_all<Run>(
      context, flags.runs, flags.jobs,
      [&](std::uint64_t number, const Progress& progress) {
        auto parameters = flags.parameters;
        parameters.seed += number;
        return scenario.run(parameters, flags, progress);
      },
      [&](const Run& run, const Measured& measured) {
        runs.push_back(run);
        shown += scenario.text(run, measured, flags, {}) + "\n";
        context.console.write_out(json ? scenario.json(run, measured)
                                       : scenario.text(run, measured, flags, context.style()));
      });
  if (json) {
    for (const auto& summary : scenario.summaries(runs)) {
      context.console.out_line(json_line(summary));
    }
  }
  if (!json && runs.size() > 1) {
    context.console.write_out(scenario.summary_text(runs, context.style()));
  }
  if (runs.size() > 1) shown += scenario.summary_text(runs, {});
  const auto replay = replay_command(scenario.name, flags, flags.parameters.seed) +
                      (flags.runs > 1 ? fmt::format(" --runs {}", flags.runs) : "");
  auto charts = scenario.charts(runs);
  const auto failed = write_files(flags, {.title = fmt::format("cipnode sim {}", scenario.name),
                                          .caption = caption_of(replay, complete, !charts.empty()),
                                          .text = shown,
                                          .csv = scenario.csv(runs),
                                          .charts = std::move(charts)});
  if (failed) return report(context, *failed);
  return complete ? 0 : signal_code();
}

int sim_routing(Context& context, SimFlags& flags) {
  return run_scenario<RoutingRun>(
      context, flags,
      {.name = "routing",
       .run =
           [](const Parameters& parameters, const SimFlags& asked, const Progress& progress) {
             return simulations::run_routing(parameters, strategies_of(asked), progress);
           },
       .json = routing_json_lines,
       .text = routing_text,
       .summaries = routing_summaries,
       .summary_text = [](const std::vector<RoutingRun>& runs,
                          Style style) { return interval_table(routing_summaries(runs), style); },
       .csv = routing_csv,
       .charts = routing_charts});
}

int sim_size(Context& context, SimFlags& flags) {
  return run_scenario<SizeRun>(
      context, flags,
      {.name = "size",
       .run = [](const Parameters& parameters, const SimFlags&,
                 const Progress& progress) { return simulations::run_size(parameters, progress); },
       .json = size_json_lines,
       .text = size_text,
       .summaries = size_summaries,
       .summary_text = size_summary_table,
       .csv = size_csv,
       .charts = size_charts});
}

int sim_churn(Context& context, SimFlags& flags) {
  return run_scenario<ChurnRun>(
      context, flags,
      {.name = "churn",
       .run = [](const Parameters& parameters, const SimFlags&,
                 const Progress& progress) { return simulations::run_churn(parameters, progress); },
       .json = churn_json_lines,
       .text = churn_text,
       .summaries = churn_summaries,
       .summary_text = [](const std::vector<ChurnRun>& runs,
                          Style style) { return interval_table(churn_summaries(runs), style); },
       .csv = churn_csv,
       .charts = churn_charts});
}

int sim_paper(Context& context, PaperFlags& flags) {
  if (const auto wrong = prepare(flags)) return report(context, *wrong);
  const auto paper = *simulations::parse_paper(flags.paper);
  reserve_large_pages(simulations::needed_bytes(simulations::largest_world(paper, flags.options)));
  std::optional<Error> failed;
  const bool complete = run_all<PaperRun>(
      context, 1, 1,
      [&](std::uint64_t, const Progress& progress) {
        return simulations::run_paper(paper, flags.options, progress);
      },
      [&](const PaperRun& run, const Measured&) {
        context.console.write_out(context.globals.json ? paper_json_lines(run)
                                                       : paper_text(run, context.style()));
        auto charts = paper_charts(run);
        failed = write_files(
            flags, {.title = "cipnode sim paper " + flags.paper,
                    .caption = caption_of(replay_command(flags), !run.interrupted, !charts.empty()),
                    .text = paper_text(run, {}),
                    .csv = paper_csv(run),
                    .charts = std::move(charts)});
      });
  if (failed) return report(context, *failed);
  return complete ? 0 : signal_code();
}

std::uint64_t seed_of(const simulations::SafetyRun& run) { return run.info.seed; }
std::uint64_t seed_of(const simulations::StreamSafetyRun& run) { return run.seed; }

// Worlds drawn from seeds, side by side. The first that broke is the error.
template <typename Run>
int break_worlds(Context& context, const SafetyFlags& flags,
                 const std::function<Run(std::uint64_t seed, const Progress&)>& scenario) {
  std::optional<Error> broken;
  const bool complete = run_all<Run>(
      context, flags.runs, flags.jobs,
      [&](std::uint64_t number, const Progress& progress) {
        return scenario(flags.seed + number, progress);
      },
      [&](const Run& run, const Measured& measured) {
        context.console.write_out(context.globals.json ? safety_json_line(run, measured)
                                                       : safety_text(run));
        if (run.broken.empty() || broken) return;
        const auto seed = seed_of(run);
        broken = Error{
            ExitCode::internal, fmt::format("seed {}: {}", seed, run.broken),
            fmt::format("repeat with cipnode sim safety --what {} --seed {}", flags.what, seed)};
      });
  if (broken) return report(context, *broken);
  return complete ? 0 : signal_code();
}

int sim_safety(Context& context, const SafetyFlags& flags) {
  if (auto wrong = check_runs(flags.runs, flags.jobs)) return report(context, *wrong);
  if (flags.what == "streams") {
    return break_worlds<simulations::StreamSafetyRun>(
        context, flags,
        [](std::uint64_t seed, const Progress&) { return simulations::run_stream_safety(seed); });
  }
  return break_worlds<simulations::SafetyRun>(context, flags, simulations::run_safety);
}

int sim_metrics(Context& context, const OutputFlags& flags) {
  if (const auto wrong = prepare(flags)) return report(context, *wrong);
  Pairs pairs;
  std::string csv = "metric,definition\n";
  for (const auto& [name, definition] : simulations::metric_definitions()) {
    if (context.globals.json) {
      context.console.out_line(json_line({{"metric", name}, {"definition", definition}}));
    }
    pairs.add(name, definition);
    csv += fmt::format("\"{}\",\"{}\"\n", name, definition);
  }
  if (!context.globals.json) context.console.write_out(pairs.text(context.style()));
  if (flags.csv.empty() && flags.svg.empty() && flags.html.empty()) return 0;
  const bool draws = !flags.svg.empty() || !flags.html.empty();
  const auto failed =
      write_files(flags, {.title = "cipnode sim metrics",
                          .caption = metrics_caption(),
                          .text = pairs.text({}),
                          .csv = csv,
                          .charts = draws ? metrics_charts() : std::vector<Chart>{}});
  return failed ? report(context, *failed) : 0;
}

void add_routing(CommandTree& tree, CLI::App& sim) {
  auto& flags = tree.options<SimFlags>();
  auto& app = tree.add(
      sim, "routing", "Scenarios",
      {.purpose = "How a message finds its target: four strategies in one table",
       .examples = {"cipnode sim routing --nodes 1000 --lookups 500",
                    "cipnode sim routing --strategy kademlia --nodes 10000 --runs 5 --json"},
       .run = [&flags](Context& context) { return sim_routing(context, flags); }});
  add_sim_flags(app, flags);
  add_routing_flags(app, flags);
}

void add_size(CommandTree& tree, CLI::App& sim) {
  auto& flags = tree.options<SimFlags>();
  auto& app = tree.add(sim, "size", "Scenarios",
                       {.purpose = "How well a node can tell the size of the network",
                        .examples = {"cipnode sim size --nodes 5000 --walks 16",
                                     "cipnode sim size --runs 20 --jobs 2 --json"},
                        .run = [&flags](Context& context) { return sim_size(context, flags); }});
  add_sim_flags(app, flags);
  add_value(app, "--walks", flags.parameters.walks, parse_count, "N", "Walks for one estimate")
      ->group(kCommandFlags)
      ->default_str(std::to_string(flags.parameters.walks));
}

void add_churn(CommandTree& tree, CLI::App& sim) {
  auto& flags = tree.options<SimFlags>();
  flags.parameters.lookups = 50;
  flags.parameters.upkeep = true;
  flags.churn = "exp:1h";
  auto& app = tree.add(
      sim, "churn", "Scenarios",
      {.purpose = "How a network fares while nodes come and go, and how it heals",
       .details = "A trace is a file with lines of TIME NODE join|leave, such as \"90s 17 leave\".",
       .examples = {"cipnode sim churn --nodes 500 --churn exp:1h --duration 1h",
                    "cipnode sim churn --nodes 500 --churn weibull:0.6:5h --duration 2h --json"},
       .run = [&flags](Context& context) { return sim_churn(context, flags); }});
  add_sim_flags(app, flags);
  add_churn_flags(app, flags);
}

void add_paper(CommandTree& tree, CLI::App& sim) {
  auto& flags = tree.options<PaperFlags>();
  auto& app = tree.add(
      sim, "paper", "Scenarios",
      {.purpose = "Measure published figures again, and say which are hit",
       .details = "K1: hops by bucket size. K2: hops and requests by the number of nodes. K3: "
                  "tables under churn. K7: time between world regions.",
       .examples = {"cipnode sim paper K2 --nodes 10000 --lookups 500",
                    "cipnode sim paper K7 --nodes 2000 --json"},
       .run = [&flags](Context& context) { return sim_paper(context, flags); }});
  add_paper_flags(app, flags);
}

void add_safety(CommandTree& tree, CLI::App& sim) {
  auto& flags = tree.options<SafetyFlags>();
  auto& app = tree.add(
      sim, "safety", "Scenarios",
      {.purpose = "Break worlds drawn from seeds and see that invariants hold and they heal",
       .details = "Exit code 1 names the seed whose world broke one.",
       .examples = {"cipnode sim safety --seed 17 --json",
                    "cipnode sim safety --what streams --runs 100000 --jobs 2"},
       .run = [&flags](Context& context) { return sim_safety(context, flags); }});
  add_safety_flags(app, flags);
}

void add_metrics(CommandTree& tree, CLI::App& sim) {
  auto& flags = tree.options<OutputFlags>();
  auto& app =
      tree.add(sim, "metrics", "Scenarios",
               {.purpose = "Print what every metric means",
                .details = "Pictures show them in small networks, which takes a few seconds.",
                .examples = {"cipnode sim metrics", "cipnode sim metrics --html metrics.html"},
                .run = [&flags](Context& context) { return sim_metrics(context, flags); }});
  add_output_flags(app, flags, "Write the definitions");
}

}  // namespace

void add_sim_commands(CommandTree& tree) {
  auto& sim =
      tree.add(tree.root(), "sim", "Simulations",
               {.purpose = "Run the production nodes in a virtual network and measure",
                .examples = {"cipnode sim routing --nodes 1000", "cipnode sim size --nodes 1000"},
                .run = {}});
  add_routing(tree, sim);
  add_size(tree, sim);
  add_churn(tree, sim);
  add_paper(tree, sim);
  add_safety(tree, sim);
  add_metrics(tree, sim);
}

}  // namespace cip::cli
