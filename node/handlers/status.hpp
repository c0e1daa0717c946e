#pragma once

// The status object of a node (cli.md).

#include <functional>

#include "node/daemon.hpp"

namespace cip::node {

// Asks the database for sizes, then calls back with the whole object.
void gather_status(Daemon& daemon, std::function<void(const Json&)> done);

}  // namespace cip::node
