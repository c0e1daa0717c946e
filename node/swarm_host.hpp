#pragma once

// Test only (`join --test-nodes N`): many light nodes in one process, each with an identity, UDP
// sockets and a TCP listener of its own, all without a home. The first enters through the contacts
// given, or starts an overlay; the others do the same, or enter through the first.

#include "node/service.hpp"

namespace cip::node {

RunResult run_swarm(const JoinOptions& options, Handler& handler);

}  // namespace cip::node
