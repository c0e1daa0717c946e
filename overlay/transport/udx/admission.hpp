#pragma once

// How many streams there may be, and how many that are not connected, for one source (udx.md 13).

#include <cstddef>
#include <cstdint>

#include "base/number_map.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

class UdxAdmission {
 public:
  explicit UdxAdmission(const UdxLimits& limits) : limits_(limits) {}

  // False, and nothing is counted: there are enough. `source_ip` 0: a call of our own.
  bool admit(std::uint32_t source_ip);
  // Each stream that was admitted: connected, or gone before that; and gone.
  void stop_waiting(std::uint32_t source_ip);
  void leave() { --streams_; }

 private:
  UdxLimits limits_;
  std::size_t streams_ = 0;
  std::size_t waiting_ = 0;
  NumberMap<std::uint32_t> by_source_;  // those not connected
};

}  // namespace cip::overlay
