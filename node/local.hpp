#pragma once

// Methods that are answered from the home's files, without a node.

#include <filesystem>
#include <optional>
#include <vector>

#include "node/service.hpp"

namespace cip::node {

struct LocalAnswer {
  std::vector<Json> results;   // in order
  std::optional<Error> error;  // what is wrong in spite of them
};
Outcome<LocalAnswer> answer_locally(const Request& request, const std::filesystem::path& home);

}  // namespace cip::node
