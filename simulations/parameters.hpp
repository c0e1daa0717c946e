#pragma once

// What a scenario is told. Checked as a whole before any work.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "simulations/churn.hpp"
#include "simulations/latency.hpp"

namespace cip::simulations {

// How the nodes come to their first tables: from global knowledge, where of a bucket with more than
// k each node draws its own or all hold the same; or by joining one after the other.
enum class Start : std::uint8_t { oracle, shared, join };
std::optional<Start> parse_start(std::string_view text);
std::string_view name_of(Start start);

// The network is cut into two halves from `begin` to `end` of simulated time.
struct Partition {
  Duration begin{};
  Duration end{};
};

// Nodes that answer every question with each other. With a target they took addresses whose ids lie
// near it.
struct Impostors {
  std::uint64_t count = 0;
  std::optional<Bytes32> target;
};

struct Parameters {
  std::uint64_t nodes = 1000;
  std::uint64_t k = 20;
  std::uint64_t alpha = 10;
  std::uint64_t lookups = 1000;  // routing: in all; churn: per sample
  std::uint64_t walks = 16;      // of the size scenario
  std::uint64_t seed = 1;        // run i of several uses seed + i
  Start start = Start::oracle;
  double loss = 0;     // share of datagrams that never arrive
  double reorder = 0;  // share of datagrams that are under way for up to twice as long
  double dead = 0;     // share of nodes killed before the first lookup
  double nat = 0;      // share of nodes that only hear those they spoke to before
  LatencyModel latency;
  ChurnModel churn;
  std::optional<Partition> partition;
  Impostors impostors;
  Duration duration = std::chrono::hours(2);  // of the churn scenario
  // Every node looks something up this often; 0: never. Of the churn scenario.
  Duration lookup_every{};
  // Start from the oracle: nodes began up to this long ago, so that not all of them check and
  // refresh their tables in the same moment.
  Duration spread{};
  std::uint64_t samples = 24;  // of the churn scenario, over its duration
  bool upkeep = false;         // nodes check and refresh their tables
  bool codec_all = false;      // every message goes through the real codec, not one in a hundred
};

inline std::size_t bucket_size(const Parameters& checked) {
  return static_cast<std::size_t>(checked.k);
}

// An impossible parameter: what is wrong, and what would be right.
struct ParameterError {
  std::string message;
  std::string hint;
};
std::optional<ParameterError> check_parameters(const Parameters& parameters);

// Bytes that a world of this size needs, roughly: to be compared with what the machine has.
std::uint64_t needed_bytes(const Parameters& parameters);

// What the time went into since the call before: giving nodes their first tables, letting events
// happen, or what needs no events (models, judging tables against the truth).
enum class Stage : std::uint8_t { set_up, events, judging };

// How far a run is. `what` is counted, in the plural.
struct Advance {
  const char* what = "";
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::uint64_t events = 0;  // since the start of the world
  Stage stage = Stage::events;
};
// Called now and then and at the end of every stage; false ends the run early.
using Progress = std::function<bool(const Advance&)>;

}  // namespace cip::simulations
