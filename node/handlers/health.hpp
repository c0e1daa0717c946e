#pragma once

// What a monitor asks of a running node: whether it can do its work. One finding for each check; a
// further check is a function in the list of health.cpp.

#include <functional>
#include <string>
#include <vector>

#include "node/daemon.hpp"

namespace cip::node {

struct HealthFinding {
  std::string check;
  ExitCode code = ExitCode::ok;  // ok: nothing is wrong
  std::string message;
  std::string hint = {};
};

// {"ok":bool,"checks":[{"check","ok","code","message","hint"?}]}, the order that of the checks.
Json health_object(const std::vector<HealthFinding>& findings);

// Looks at the node and at its database, then calls back.
void gather_health(Daemon& daemon, std::function<void(const std::vector<HealthFinding>&)> done);

}  // namespace cip::node
