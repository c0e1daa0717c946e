#pragma once

// Where a subscription begins: the forms of --since (cli.md).

#include <string>

#include "node/error.hpp"
#include "overlay/subscription.hpp"

namespace cip::node {

// start, new, last:N, a sequence number, or how long ago (500ms, 2s, 5m, 1h, 3d). Error usage.
Outcome<overlay::Since> parse_since(const std::string& text);

}  // namespace cip::node
