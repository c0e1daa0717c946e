#include "simulations/parameters.hpp"

#include <fmt/format.h>

#include <bit>

namespace cip::simulations {
namespace {

// Simulated nodes live at 127.0.0.0/8, one per address.
constexpr std::uint64_t kMostNodes = 16'000'000;
constexpr std::uint64_t kMostLookups = 100'000'000;
// A node with its table, slots only, and an entry of the shared contact arena (measured).
constexpr std::uint64_t kBytesPerNode = 3'000;
constexpr std::uint64_t kBytesPerSlot = 20;

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

}  // namespace

std::optional<ParameterError> check_parameters(const Parameters& parameters) {
  if (auto error = check_range("nodes", parameters.nodes, 2, kMostNodes)) return error;
  if (auto error = check_range("k", parameters.k, 1, 255)) return error;
  if (auto error = check_range("alpha", parameters.alpha, 1, 255)) return error;
  if (auto error = check_range("lookups", parameters.lookups, 1, kMostLookups)) return error;
  if (auto error = check_range("walks", parameters.walks, 1, kMostLookups)) return error;
  if (auto error = check_share("loss", parameters.loss, 1)) return error;
  return check_share("dead", parameters.dead, 1);
}

std::uint64_t needed_bytes(const Parameters& parameters) {
  const auto full_buckets =
      static_cast<std::uint64_t>(std::bit_width(parameters.nodes / (parameters.k + 1)));
  const std::uint64_t slots = (full_buckets + 2) * parameters.k;
  return parameters.nodes * (kBytesPerNode + slots * kBytesPerSlot);
}

}  // namespace cip::simulations
