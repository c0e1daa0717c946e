#pragma once

// What the streams of a node have in common: bounds, the room for what is held, counters, events.

#include "overlay/transport/udx/events.hpp"
#include "overlay/transport/udx/receive_window.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

// Outlives the streams.
struct UdxShared {
  explicit UdxShared(const UdxLimits& given) : limits(given), room(given.receive_total) {}

  UdxLimits limits;
  UdxReceiveRoom room;
  UdxCounters counters;
  UdxEvents events;
};

}  // namespace cip::overlay
