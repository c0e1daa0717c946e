#pragma once

// Names of hosts to addresses, for connections that the user named. Contacts of the DHT are
// resolved by the node, which tries them again later.

#include <string>
#include <vector>

#include "cli/exit_code.hpp"

namespace cip::cli {

// HOST:PORT with a name becomes ADDRESS:PORT; addresses stay. Waits for the resolver of the system.
// Error no_route: a name without an IPv4 address.
Outcome<std::vector<std::string>> resolve_contacts(const std::vector<std::string>& contacts);

}  // namespace cip::cli
