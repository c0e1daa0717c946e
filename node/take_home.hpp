#pragma once

// How a process comes to hold a home (docs/decisions.md, "What a node is").

#include "base/time.hpp"
#include "node/home.hpp"

namespace cip::node {

// Waits for a node that is leaving. For a node that is joined: one that was started for a command
// is ended first, and what ran there goes on here; for what it is in the middle of it has
// `patience` (zero: as it thinks fit). Error busy: somebody holds the home who stays; at the latest
// after 50 s.
Outcome<HomeLock> take_home(const HomePaths& paths, const std::string& command, HomeRole role,
                            Duration patience);

}  // namespace cip::node
