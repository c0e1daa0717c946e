#pragma once

// Methods that are answered from the home's files, without a node.

#include <filesystem>
#include <vector>

#include "node/service.hpp"

namespace cip::node {

// The results, in order.
Outcome<std::vector<Json>> answer_locally(const Request& request,
                                          const std::filesystem::path& home);

}  // namespace cip::node
