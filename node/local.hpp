#pragma once

// Methods that are answered from the home's files, without a node.

#include "node/service.hpp"

namespace cip::node {

Outcome<Json> answer_locally(const std::string& method, const std::filesystem::path& home);

}  // namespace cip::node
