#pragma once

// The status object of a node (cli.md).

#include <functional>

#include "node/daemon.hpp"

namespace cip::node {

// Asks the database for sizes, then calls back with the whole object.
void gather_status(Daemon& daemon, std::function<void(const Json&)> done);

// {reason: count} of everything that was not processed: datagrams, own datagrams the system
// refused, hellos, and connections that ended because of what came over them.
Json drops_object(Daemon& daemon);

}  // namespace cip::node
