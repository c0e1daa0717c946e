// cipnode sim: the production nodes in a virtual network, measured. The world knows no clock: wall
// time and memory are taken here.

#include <fmt/format.h>
#include <sys/resource.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fstream>

#include "cli/application.hpp"
#include "cli/progress.hpp"
#include "cli/sim_render.hpp"

namespace cip::cli {
namespace {

using simulations::Parameters;

// ---- flags

Parsed<double> parse_share(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return value;
  return tl::unexpected<std::string>("a share is a number such as 0.2");
}

Parsed<std::string> parse_latency_text(std::string_view text) {
  if (simulations::parse_latency(text)) return std::string(text);
  return tl::unexpected<std::string>(
      "a latency is const:50ms, uniform:10ms..100ms or lognormal:MEDIAN:SIGMA, of 1us to 60s");
}

Parsed<std::string> parse_strategy(std::string_view text) {
  if (text == "kademlia") return std::string(text);
  return tl::unexpected<std::string>("the strategy is kademlia");
}

void add_sim_flags(CLI::App& app, SimFlags& flags) {
  const auto add = [](CLI::Option* option, const std::string& standing_for) {
    option->group(kCommandFlags)->default_str(standing_for);
  };
  const auto add_number = [&](const char* name, std::uint64_t& target, const char* help) {
    add(add_value(app, name, target, parse_count, "N", help), std::to_string(target));
  };
  auto& parameters = flags.parameters;
  add_number("--nodes", parameters.nodes, "Nodes in the network");
  add_number("--k", parameters.k, "Size of a bucket, and of a result");
  add_number("--alpha", parameters.alpha, "Requests in parallel");
  add_number("--seed", parameters.seed, "Everything follows from it; run i has seed + i");
  add_number("--runs", flags.runs, "Runs, one after the other");
  add(add_value(app, "--latency", flags.latency, parse_latency_text, "MODEL",
                "const:50ms, uniform:10ms..100ms or lognormal:MEDIAN:SIGMA"),
      flags.latency);
  add(add_value(app, "--loss", parameters.loss, parse_share, "SHARE", "Datagrams that get lost"),
      "0");
  add(add_value(app, "--dead", parameters.dead, parse_share, "SHARE", "Nodes killed at once"), "0");
}

// ---- checks

// What the machine could give without swapping; 0 when it does not say.
std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  std::uint64_t kilobytes = 0;
  while (file >> name >> kilobytes && std::getline(file, unit)) {
    if (name == "MemAvailable:") return kilobytes * 1024;
  }
  return 0;
}

std::optional<Error> check(const SimFlags& flags) {
  if (flags.runs == 0) return Error{ExitCode::usage, "--runs 0 is not possible", "run it once"};
  if (const auto wrong = simulations::check_parameters(flags.parameters)) {
    return Error{ExitCode::usage, wrong->message, wrong->hint};
  }
  const auto needed = simulations::needed_bytes(flags.parameters);
  const auto available = available_memory();
  if (available == 0 || needed <= available) return std::nullopt;
  return Error{
      ExitCode::full,
      fmt::format("{} nodes need about {} of memory, {} are free",
                  count_text(flags.parameters.nodes), bytes_text(static_cast<double>(needed)),
                  bytes_text(static_cast<double>(available))),
      "simulate fewer nodes with --nodes"};
}

// ---- signals: the first ends the run well, the second at once

std::atomic<int> caught_signal{0};

class SignalGuard {
 public:
  SignalGuard() {
    struct sigaction action {};
    action.sa_handler = [](int signal) { caught_signal = signal; };
    action.sa_flags = SA_RESETHAND;
    ::sigaction(SIGINT, &action, &interrupt_);
    ::sigaction(SIGTERM, &action, &terminate_);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;
  ~SignalGuard() {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGTERM, &terminate_, nullptr);
  }

 private:
  struct sigaction interrupt_ {};
  struct sigaction terminate_ {};
};

// ---- one run after the other

std::uint64_t peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

// Runs `scenario` as often as asked and calls `report` after each; false when a signal came.
template <typename Result>
bool run_all(Context& context, const SimFlags& flags,
             Result (*scenario)(const Parameters&, const simulations::Progress&), const char* noun,
             const std::function<void(const Result&, const Measured&)>& report) {
  using Clock = std::chrono::steady_clock;
  const SignalGuard guard;
  for (std::uint64_t i = 0; i < flags.runs; ++i) {
    auto parameters = flags.parameters;
    parameters.latency = *simulations::parse_latency(flags.latency);
    parameters.seed += i;
    ProgressBar bar(context);
    const auto started = Clock::now();
    const auto result = scenario(parameters, [&](std::uint64_t done, std::uint64_t total) {
      bar.update(done, total, 0, noun);
      return caught_signal == 0;
    });
    const std::chrono::duration<double, std::milli> took = Clock::now() - started;
    bar.clear();
    if (result.info.interrupted || caught_signal != 0) return false;
    report(result, {i, std::max(took.count(), 1e-3), peak_memory()});
  }
  return true;
}

int signal_code() { return caught_signal == SIGTERM ? kTerminated : kInterrupted; }

// ---- routing

int sim_routing(Context& context, const SimFlags& flags) {
  if (const auto wrong = check(flags)) return report(context, *wrong);
  std::vector<RoutingRun> runs;
  const bool json = context.globals.json;
  const bool complete = run_all<RoutingRun>(
      context, flags, simulations::run_routing, "lookups",
      [&](const RoutingRun& run, const Measured& measured) {
        runs.push_back(run);
        context.console.write_out(json ? json_line(routing_json(run, measured)) + "\n"
                                       : routing_text(run, measured, flags, context.style()));
      });
  if (!complete) return signal_code();
  const auto summary = routing_summary(runs);
  if (json) context.console.out_line(json_line(summary));
  if (!json && runs.size() > 1) context.console.write_out(interval_table(summary, context.style()));
  return 0;
}

// ---- size

void print_size_summary(Context& context, const std::vector<SizeRun>& runs) {
  Table table({"over all runs", ">bias", ">sd", ">interval holds the truth"});
  for (const auto& summary : simulations::summarize_size(runs)) {
    if (context.globals.json) {
      context.console.out_line(json_line({{"summary", true},
                                          {"estimator", summary.estimator},
                                          {"runs", runs.size()},
                                          {"bias", summary.bias},
                                          {"sd", summary.sd},
                                          {"coverage", summary.coverage}}));
    }
    table.add({summary.estimator, percent_text(summary.bias), percent_text(summary.sd),
               percent_text(summary.coverage)});
  }
  if (context.globals.json || runs.size() < 2) return;
  context.console.write_out("\n" + table.text(context.style()));
}

int sim_size(Context& context, const SimFlags& flags) {
  if (const auto wrong = check(flags)) return report(context, *wrong);
  std::vector<SizeRun> runs;
  const bool complete = run_all<SizeRun>(
      context, flags, simulations::run_size, "walks",
      [&](const SizeRun& run, const Measured& measured) {
        runs.push_back(run);
        context.console.write_out(context.globals.json
                                      ? size_json_lines(run, measured)
                                      : size_text(run, measured, flags, context.style()));
      });
  if (!complete) return signal_code();
  print_size_summary(context, runs);
  return 0;
}

// ---- metrics

int sim_metrics(Context& context) {
  Pairs pairs;
  for (const auto& [name, definition] : simulations::metric_definitions()) {
    if (context.globals.json) {
      context.console.out_line(json_line({{"metric", name}, {"definition", definition}}));
    }
    pairs.add(name, definition);
  }
  if (!context.globals.json) context.console.write_out(pairs.text(context.style()));
  return 0;
}

}  // namespace

void add_sim_commands(CommandTree& tree) {
  auto& sim =
      tree.add(tree.root(), "sim", "Simulations",
               {.purpose = "Run the production nodes in a virtual network and measure",
                .examples = {"cipnode sim routing --nodes 1000", "cipnode sim size --nodes 1000"},
                .run = {}});
  auto& routing = tree.options<SimFlags>();
  auto& routing_app = tree.add(
      sim, "routing", "Scenarios",
      {.purpose = "How lookups find the nodes closest to a target: hops, requests, latency",
       .examples = {"cipnode sim routing --nodes 10000 --lookups 2000",
                    "cipnode sim routing --nodes 1000 --runs 5 --json"},
       .exits = {ExitCode::full},
       .run = [&routing](Context& context) { return sim_routing(context, routing); }});
  add_sim_flags(routing_app, routing);
  add_value(routing_app, "--lookups", routing.parameters.lookups, parse_count, "N", "Lookups to do")
      ->group(kCommandFlags)
      ->default_str(std::to_string(routing.parameters.lookups));
  add_value(routing_app, "--strategy", routing.strategy, parse_strategy, "NAME",
            "How a node searches")
      ->group(kCommandFlags)
      ->default_str(routing.strategy);

  auto& size = tree.options<SimFlags>();
  auto& size_app =
      tree.add(sim, "size", "Scenarios",
               {.purpose = "How well a node can tell the size of the network from its own walks",
                .examples = {"cipnode sim size --nodes 5000 --walks 16",
                             "cipnode sim size --runs 20 --json"},
                .exits = {ExitCode::full},
                .run = [&size](Context& context) { return sim_size(context, size); }});
  add_sim_flags(size_app, size);
  add_value(size_app, "--walks", size.parameters.walks, parse_count, "N", "Walks for one estimate")
      ->group(kCommandFlags)
      ->default_str(std::to_string(size.parameters.walks));

  tree.add(sim, "metrics", "Scenarios",
           {.purpose = "Print what every metric means",
            .examples = {"cipnode sim metrics", "cipnode sim metrics --json"},
            .run = sim_metrics});
}

}  // namespace cip::cli
