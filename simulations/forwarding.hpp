#pragma once

// The strategies that forward a message from node to node instead of asking: greedy, ring and
// flood. They are models of the original notes, to compare with: messages that meet a dead node or
// get lost are gone. Nodes that cannot be reached first take no part.

#include "simulations/routing.hpp"

namespace cip::simulations {

// `strategy` is greedy, ring or flood. `whole` becomes false when progress asked to stop. Long runs
// are cut: as many lookups are done as fit a budget of messages, three at least.
RoutingResult run_forwarding(World& world, Strategy strategy, std::uint64_t count,
                             const Progress& progress, bool& whole);

}  // namespace cip::simulations
