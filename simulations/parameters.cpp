#include "simulations/parameters.hpp"

#include <fmt/format.h>

#include <bit>
#include <utility>

namespace cip::simulations {
namespace {

// Simulated nodes live at 127.0.0.0/8, one per address.
constexpr std::uint64_t kMostNodes = 16'000'000;
constexpr std::uint64_t kMostLookups = 100'000'000;
constexpr std::uint64_t kMostSamples = 10'000;
// A node and its entry of the shared contact arena; a slot of its table; what a node that walks and
// checks its table keeps besides (measured).
constexpr std::uint64_t kBytesPerNode = 2'500;
constexpr std::uint64_t kBytesPerSlot = 16;
constexpr std::uint64_t kBytesOfUpkeep = 8'000;
constexpr std::pair<Start, std::string_view> kStarts[] = {
    {Start::oracle, "oracle"}, {Start::shared, "shared"}, {Start::join, "join"}};

std::optional<ParameterError> check_range(const char* name, std::uint64_t value, std::uint64_t low,
                                          std::uint64_t high) {
  if (value >= low && value <= high) return std::nullopt;
  return ParameterError{fmt::format("--{} {} is not possible", name, value),
                        fmt::format("give a number from {} to {}", low, high)};
}

std::optional<ParameterError> check_share(const char* name, double value, double below) {
  if (value >= 0 && value < below) return std::nullopt;
  return ParameterError{fmt::format("--{} {} is not possible", name, value),
                        fmt::format("give a share from 0 to less than {}", below)};
}

// Who is left to look up and to be found, and what happens in the time there is.
std::optional<ParameterError> check_members(const Parameters& parameters) {
  const auto n = static_cast<double>(parameters.nodes);
  const auto taken = static_cast<std::uint64_t>(parameters.dead * n) +
                     static_cast<std::uint64_t>(parameters.nat * n);
  if (taken + 2 > parameters.nodes) {
    return ParameterError{
        fmt::format("{} of {} nodes cannot be found", taken, parameters.nodes),
        "leave at least two that live and can be reached: fewer --dead or --nat, more --nodes"};
  }
  const std::uint64_t most = kMostNodes - parameters.nodes;
  if (parameters.impostors.count > most) {
    return ParameterError{fmt::format("--sybil {} is not possible", parameters.impostors.count),
                          fmt::format("give a number up to {}", most)};
  }
  if (parameters.partition && parameters.partition->begin >= parameters.partition->end) {
    return ParameterError{"--partition ends before it begins",
                          "give BEGIN..END, such as 10min..1h"};
  }
  if (parameters.duration < std::chrono::seconds(1)) {
    return ParameterError{"--duration is too short", "give 1s or more"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Start> parse_start(std::string_view text) {
  for (const auto& [start, name] : kStarts) {
    if (name == text) return start;
  }
  return std::nullopt;
}

std::string_view name_of(Start start) { return kStarts[static_cast<std::size_t>(start)].second; }

std::optional<ParameterError> check_parameters(const Parameters& parameters) {
  if (auto error = check_range("nodes", parameters.nodes, 2, kMostNodes)) return error;
  if (auto error = check_range("k", parameters.k, 1, 255)) return error;
  if (auto error = check_range("alpha", parameters.alpha, 1, 255)) return error;
  if (auto error = check_range("lookups", parameters.lookups, 1, kMostLookups)) return error;
  if (auto error = check_range("samples", parameters.samples, 1, kMostSamples)) return error;
  if (auto error = check_range("walks", parameters.walks, 1, kMostLookups)) return error;
  if (auto error = check_share("loss", parameters.loss, 1)) return error;
  if (auto error = check_share("reorder", parameters.reorder, 1)) return error;
  if (auto error = check_share("nat", parameters.nat, 1)) return error;
  if (auto error = check_share("dead", parameters.dead, 1)) return error;
  return check_members(parameters);
}

std::uint64_t needed_bytes(const Parameters& parameters) {
  const auto full_buckets =
      static_cast<std::uint64_t>(std::bit_width(parameters.nodes / (parameters.k + 1)));
  const std::uint64_t slots = (full_buckets + 2) * parameters.k;
  const std::uint64_t upkeep = parameters.upkeep ? kBytesOfUpkeep : 0;
  return parameters.nodes * (kBytesPerNode + slots * kBytesPerSlot + upkeep) +
         parameters.impostors.count * kBytesPerNode;
}

}  // namespace cip::simulations
