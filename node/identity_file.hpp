#pragma once

// Writing the identity of a home, for open_identity() and for an import.

#include "node/home.hpp"

namespace cip::node {

// Writes beside and links into place, so that a crash leaves no half key and two processes agree:
// one that is there stays. False: errno says why.
bool write_identity(const HomePaths& paths, const Bytes32& primary_key);

}  // namespace cip::node
