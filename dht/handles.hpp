#pragma once

// Names that a node gives to what it was asked to do.

#include <compare>
#include <cstdint>

namespace cip::dht {

// Identifies a query of one node; never reused. 0 names none.
struct QueryId {
  std::uint64_t value = 0;
  auto operator<=>(const QueryId&) const = default;
};

// Identifies a single request of one node; never reused. 0 names none.
struct RequestId {
  std::uint64_t value = 0;
  auto operator<=>(const RequestId&) const = default;
};

}  // namespace cip::dht
