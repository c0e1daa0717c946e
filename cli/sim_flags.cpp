#include "cli/sim_flags.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>

#include "base/text.hpp"
#include "cli/files.hpp"
#include "cli/render.hpp"

namespace cip::cli {
namespace {

using simulations::Parameters;
using simulations::Strategy;

Parsed<double> parse_share(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return value;
  return tl::unexpected<std::string>("a share is a number such as 0.2");
}

Parsed<std::string> parse_latency_text(std::string_view text) {
  if (simulations::parse_latency(text)) return std::string(text);
  return tl::unexpected<std::string>(
      "a latency is const:50ms, uniform:10ms..100ms or lognormal:MEDIAN:SIGMA, of 1us to 60s, or "
      "king");
}

Parsed<std::string> parse_churn_text(std::string_view text) {
  const bool is_trace = text.starts_with("trace:") && text.size() > 6;
  if (is_trace || simulations::parse_churn(text)) return std::string(text);
  return tl::unexpected<std::string>(
      "churn is none, exp:MEAN, weibull:SHAPE:MEAN with a mean of 1s to 365d, or trace:FILE");
}

Parsed<std::string> parse_start_text(std::string_view text) {
  if (simulations::parse_start(text)) return std::string(text);
  return tl::unexpected<std::string>("a start is oracle, shared or join");
}

Parsed<std::string> parse_what(std::string_view text) {
  if (text == "dht" || text == "streams") return std::string(text);
  return tl::unexpected<std::string>("dht or streams");
}

Parsed<std::string> parse_codec(std::string_view text) {
  if (text == "sample" || text == "all") return std::string(text);
  return tl::unexpected<std::string>("sample or all");
}

Parsed<std::string> parse_strategy_text(std::string_view text) {
  if (simulations::parse_strategy(text)) return std::string(text);
  return tl::unexpected<std::string>(
      "a strategy is kademlia, kademlia-rounds, greedy, ring or flood");
}

std::optional<simulations::Partition> read_partition(std::string_view text) {
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const auto begin = simulations::parse_span(text.substr(0, dots));
  const auto end = simulations::parse_span(text.substr(dots + 2));
  if (!begin || !end || *begin >= *end) return std::nullopt;
  return simulations::Partition{*begin, *end};
}

Parsed<std::string> parse_partition_text(std::string_view text) {
  if (read_partition(text)) return std::string(text);
  return tl::unexpected<std::string>("a partition is BEGIN..END, such as 10min..1h");
}

std::optional<simulations::Impostors> read_impostors(std::string_view text) {
  const auto colon = text.find(':');
  const auto count = parse_count(text.substr(0, colon));
  if (!count) return std::nullopt;
  simulations::Impostors out{*count, std::nullopt};
  if (colon == std::string_view::npos) return out;
  const auto target = parse_key_text(text.substr(colon + 1));
  if (!target) return std::nullopt;
  out.target = *target;
  return out;
}

Parsed<std::string> parse_impostors_text(std::string_view text) {
  if (read_impostors(text)) return std::string(text);
  return tl::unexpected<std::string>("give N, or N:TARGET with a target of 64 hex digits");
}

Parsed<std::string> parse_paper_text(std::string_view text) {
  if (simulations::parse_paper(text)) return std::string(text);
  return tl::unexpected<std::string>("the papers are K1, K2, K3 and K7");
}

void show(CLI::Option* option, const std::string& standing_for) {
  option->group(kCommandFlags)->default_str(standing_for);
}

void add_number(CLI::App& app, const char* name, std::uint64_t& target, const char* help) {
  show(add_value(app, name, target, parse_count, "N", help), std::to_string(target));
}

void add_share(CLI::App& app, const char* name, double& target, const char* help) {
  show(add_value(app, name, target, parse_share, "SHARE", help), "0");
}

// 50 million lines, the most that a trace may have, of 40 bytes.
constexpr std::size_t kLargestTrace = std::size_t{2} << 30;

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

std::optional<Error> check_memory(const simulations::Parameters& parameters, std::uint64_t worlds) {
  const auto needed = simulations::needed_bytes(parameters) * worlds;
  const auto available = available_memory();
  if (available == 0 || needed <= available) return std::nullopt;
  return Error{
      ExitCode::usage,
      fmt::format("{} nodes need about {} of memory, {} are free",
                  count_text(parameters.nodes * worlds), bytes_text(static_cast<double>(needed)),
                  bytes_text(static_cast<double>(available))),
      "simulate fewer nodes with --nodes, or fewer worlds at once with --jobs"};
}

std::optional<Error> check_parameters(const simulations::Parameters& parameters,
                                      std::uint64_t worlds) {
  if (const auto wrong = simulations::check_parameters(parameters)) {
    return Error{ExitCode::usage, wrong->message, wrong->hint};
  }
  return check_memory(parameters, worlds);
}

std::optional<Error> read_trace(SimFlags& flags) {
  const std::string name = flags.churn.substr(6);
  const auto text = read_file(name, "the trace", kLargestTrace);
  if (!text) return text.error();
  auto trace = simulations::parse_trace(*text, flags.parameters.nodes);
  if (!trace) {
    return Error{ExitCode::usage,
                 fmt::format("{}:{}: this is no line of a trace", name, trace.error().line),
                 "expected: " + trace.error().expected};
  }
  flags.parameters.churn = {};
  flags.parameters.churn.kind = simulations::ChurnModel::Kind::trace;
  flags.parameters.churn.trace = std::move(*trace);
  return std::nullopt;
}

std::optional<Error> check_output(const std::string& name) {
  // The figures go there.
  if (name == "-") {
    return Error{ExitCode::usage, "stdout has the figures: a picture or a table needs a file",
                 "name a file; one that is called so is ./-"};
  }
  const auto usable = check_writable(name);
  return usable ? std::nullopt : std::optional(usable.error());
}

}  // namespace

void add_output_flags(CLI::App& app, OutputFlags& flags, const char* csv_help) {
  show(add_value(app, "--csv", flags.csv, parse_text, "FILE", csv_help), "");
  show(add_value(app, "--svg", flags.svg, parse_text, "FILE", "Write the charts"), "");
  show(add_value(app, "--html", flags.html, parse_text, "FILE", "Write one page with all of it"),
       "");
}

void add_safety_flags(CLI::App& app, SafetyFlags& flags) {
  show(add_value(app, "--what", flags.what, parse_what, "dht|streams",
                 "Networks of nodes (dht), or two ends of a UDX stream and the path between them "
                 "(streams)"),
       flags.what);
  add_number(app, "--seed", flags.seed, "The world follows from it; run i has seed + i");
  add_number(app, "--runs", flags.runs, "Worlds");
  add_number(app, "--jobs", flags.jobs, "Worlds at the same time");
}

void add_sim_flags(CLI::App& app, SimFlags& flags) {
  auto& parameters = flags.parameters;
  add_number(app, "--nodes", parameters.nodes, "Nodes in the network");
  add_number(app, "--k", parameters.k, "Size of a bucket, and of a result");
  add_number(app, "--alpha", parameters.alpha, "Requests in parallel");
  add_number(app, "--seed", parameters.seed, "Everything follows from it; run i has seed + i");
  add_number(app, "--runs", flags.runs, "Runs, each with a network of its own");
  add_number(app, "--jobs", flags.jobs, "Runs at the same time");
  show(add_value(
           app, "--start", flags.start, parse_start_text, "oracle|shared|join",
           "First tables: oracle (ideal ones), shared (ideal, but all nodes hold the same of a "
           "large bucket) or join (every node joins)"),
       flags.start);
  show(add_value(app, "--latency", flags.latency, parse_latency_text, "MODEL",
                 "const:50ms, uniform:10ms..100ms, lognormal:MEDIAN:SIGMA or king"),
       flags.latency);
  add_share(app, "--loss", parameters.loss, "Datagrams that get lost");
  add_share(app, "--reorder", parameters.reorder, "Datagrams that take up to twice as long");
  add_share(app, "--dead", parameters.dead, "Nodes killed at once");
  add_share(app, "--nat", parameters.nat, "Nodes that cannot be reached first");
  show(add_value(app, "--sybil", flags.impostors, parse_impostors_text, "N[:TARGET]",
                 "Impostors, near a target if one is given"),
       "");
  show(add_value(app, "--partition", flags.partition, parse_partition_text, "BEGIN..END",
                 "Cut the network into halves for this time"),
       "");
  show(add_value(app, "--churn", flags.churn, parse_churn_text, "MODEL",
                 "none, exp:MEAN, weibull:SHAPE:MEAN or trace:FILE"),
       flags.churn);
  show(add_value(app, "--codec", flags.codec, parse_codec, "sample|all",
                 "Messages through the real codec: sample (1 in 100) or all"),
       flags.codec);
  add_output_flags(app, flags, "Write every sample");
}

void add_routing_flags(CLI::App& app, SimFlags& flags) {
  add_number(app, "--lookups", flags.parameters.lookups, "Lookups for each strategy");
  add_list(app, "--strategy", flags.strategies, parse_strategy_text, "STRATEGY",
           "kademlia, kademlia-rounds (a count of rounds on the tables: sends nothing, so loses "
           "nothing), greedy, ring or flood; repeatable")
      ->group(kCommandFlags)
      ->default_str("all");
}

void add_churn_flags(CLI::App& app, SimFlags& flags) {
  add_number(app, "--lookups", flags.parameters.lookups, "Lookups for each sample");
  add_number(app, "--samples", flags.parameters.samples,
             "Samples over the duration, one every 75s at most");
  show(add_value(app, "--duration", flags.parameters.duration, parse_duration, "DURATION",
                 "Simulated time until the churn stops"),
       duration_flag_text(flags.parameters.duration.count()));
  show(add_value(app, "--lookup-every", flags.parameters.lookup_every, parse_duration, "DURATION",
                 "Every node looks something up this often; 0: never"),
       "0");
}

void add_paper_flags(CLI::App& app, PaperFlags& flags) {
  add_value(app, "PAPER", flags.paper, parse_paper_text, "", "K1, K2, K3 or K7")->required();
  auto& options = flags.options;
  const auto add = [&](const char* name, std::uint64_t& target, const char* help) {
    show(add_value(app, name, target, parse_count, "N", help), "as published");
  };
  add("--nodes", options.nodes, "Nodes in the network; K2: in the largest, 100000 unless told");
  add("--lookups", options.lookups, "Lookups for each figure");
  add("--runs", options.runs, "Runs of K1");
  show(add_value(app, "--duration", options.duration, parse_duration, "DURATION",
                 "Simulated time of K3"),
       "as published");
  add_number(app, "--seed", options.seed, "Everything follows from it");
  add_output_flags(app, flags, "Write every sample");
}

std::optional<Error> prepare(const OutputFlags& flags) {
  std::vector<std::string> names{flags.csv, flags.svg, flags.html};
  std::erase(names, "");
  for (auto at = names.begin(); at != names.end(); ++at) {
    if (auto wrong = check_output(*at)) return wrong;
    const auto again = [&](const std::string& other) { return is_same_file(other, *at); };
    if (std::none_of(names.begin(), at, again)) continue;
    return Error{ExitCode::usage, fmt::format("{} is named for two outputs", *at),
                 "name one file for each of --csv, --svg and --html"};
  }
  return std::nullopt;
}

std::optional<Error> check_runs(std::uint64_t runs, std::uint64_t jobs) {
  if (runs == 0 || runs > kMostRuns) {
    return Error{ExitCode::usage, fmt::format("--runs {} is not possible", runs),
                 fmt::format("give a number from 1 to {}", kMostRuns)};
  }
  if (jobs == 0 || jobs > 256) {
    return Error{ExitCode::usage, fmt::format("--jobs {} is not possible", jobs),
                 "give a number from 1 to 256"};
  }
  return std::nullopt;
}

std::optional<Error> prepare(SimFlags& flags) {
  if (auto wrong = check_runs(flags.runs, flags.jobs)) return wrong;
  auto& parameters = flags.parameters;
  parameters.latency = *simulations::parse_latency(flags.latency);
  parameters.start = *simulations::parse_start(flags.start);
  parameters.codec_all = flags.codec == "all";
  if (!flags.partition.empty()) parameters.partition = read_partition(flags.partition);
  if (!flags.impostors.empty()) parameters.impostors = *read_impostors(flags.impostors);
  if (flags.churn.starts_with("trace:")) {
    if (auto wrong = read_trace(flags)) return wrong;
  } else {
    parameters.churn = *simulations::parse_churn(flags.churn);
  }
  if (auto wrong = check_parameters(parameters, std::min(flags.jobs, flags.runs))) return wrong;
  return prepare(static_cast<const OutputFlags&>(flags));
}

std::optional<Error> prepare(PaperFlags& flags) {
  const auto paper = *simulations::parse_paper(flags.paper);
  if (auto wrong = check_parameters(simulations::largest_world(paper, flags.options), 1)) {
    return wrong;
  }
  return prepare(static_cast<const OutputFlags&>(flags));
}

std::string replay_command(const PaperFlags& flags) {
  const auto& options = flags.options;
  auto out = fmt::format("cipnode sim paper {} --seed {}", flags.paper, options.seed);
  if (options.nodes > 0) out += fmt::format(" --nodes {}", options.nodes);
  if (options.lookups > 0) out += fmt::format(" --lookups {}", options.lookups);
  if (options.runs > 0) out += fmt::format(" --runs {}", options.runs);
  if (options.duration > Duration(0)) {
    out += " --duration " + duration_flag_text(options.duration.count());
  }
  return out;
}

std::string replay_command(const char* scenario, const SimFlags& flags, std::uint64_t seed) {
  const auto& p = flags.parameters;
  const std::string_view name = scenario;
  auto out = fmt::format("cipnode sim {} --nodes {} --k {} --alpha {} --seed {} --latency {}",
                         scenario, p.nodes, p.k, p.alpha, seed, flags.latency);
  const auto add_share_flag = [&](const char* flag, double value) {
    if (value > 0) out += fmt::format(" {} {}", flag, value);
  };
  add_share_flag("--loss", p.loss);
  add_share_flag("--reorder", p.reorder);
  add_share_flag("--dead", p.dead);
  add_share_flag("--nat", p.nat);
  if (flags.start != "oracle") out += " --start " + flags.start;
  if (flags.churn != "none") out += " --churn " + flags.churn;
  if (!flags.partition.empty()) out += " --partition " + flags.partition;
  if (!flags.impostors.empty()) out += " --sybil " + flags.impostors;
  if (name == "size") return out + fmt::format(" --walks {}", p.walks);
  out += fmt::format(" --lookups {}", p.lookups);
  for (const auto& strategy : flags.strategies) out += " --strategy " + strategy;
  if (name != "churn") return out;
  out += " --duration " + duration_flag_text(p.duration.count());
  if (p.lookup_every > Duration(0)) {
    out += " --lookup-every " + duration_flag_text(p.lookup_every.count());
  }
  if (p.samples != Parameters{}.samples) out += fmt::format(" --samples {}", p.samples);
  return out;
}

std::vector<Strategy> strategies_of(const SimFlags& flags) {
  if (flags.strategies.empty()) {
    return {Strategy::kademlia, Strategy::kademlia_rounds, Strategy::greedy, Strategy::ring,
            Strategy::flood};
  }
  std::vector<Strategy> out;
  for (const auto& name : flags.strategies) out.push_back(*simulations::parse_strategy(name));
  return out;
}

}  // namespace cip::cli
