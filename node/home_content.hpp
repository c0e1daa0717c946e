#pragma once

// Whether what a folder holds under the names of a home is a home's.

#include "node/error.hpp"
#include "node/home.hpp"

namespace cip::node {

// A folder that somebody names may have a file `lock` or a folder `database` of another program,
// which a node would write to. Error refused: names the file. A home with an identity is one.
Outcome<void> check_home_content(const HomePaths& paths);

}  // namespace cip::node
