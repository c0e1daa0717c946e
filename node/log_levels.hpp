#pragma once

// How much the log of this process takes, looked at and changed while it runs.

#include <map>
#include <string>
#include <string_view>

#include "node/error.hpp"

namespace cip::node {

// Floor to level, both as in log_names.hpp.
std::map<std::string_view, std::string_view> log_levels();

// A spec as --log takes it, but that floors it does not name stay as they are. Error usage: an
// unknown floor or level; nothing is changed then.
Outcome<void> change_log_levels(std::string_view spec);

// The levels that --log gives at the start of a node; whatever was changed since is gone. Errors as
// above.
Outcome<void> reset_log_levels(std::string_view spec);

}  // namespace cip::node
