#pragma once

// One definition for every metric, as `cipnode sim metrics` prints them.

#include <string>
#include <utility>
#include <vector>

namespace cip::simulations {

// Name, then definition.
std::vector<std::pair<std::string, std::string>> metric_definitions();

}  // namespace cip::simulations
