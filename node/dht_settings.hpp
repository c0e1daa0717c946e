#pragma once

// What the flags of `join` mean for the DHT.

#include "dht/node.hpp"
#include "node/join_options.hpp"

namespace cip::node {

// Names are resolved after the start; contacts that need no resolving are there from the beginning.
dht::NodeOptions dht_options(const JoinOptions& join);

}  // namespace cip::node
