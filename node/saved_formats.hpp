#pragma once

// What a node keeps in its database under names of its own, with the numbers of their formats: a
// node leaves a database alone that has any with a later one.

#include <vector>

#include "store/saved_formats.hpp"

namespace cip::node {

std::vector<store::OwnersFormat> saved_formats();

}  // namespace cip::node
