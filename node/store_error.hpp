#pragma once

// Error codes of the floors below as errors for the user.

#include <string>
#include <system_error>

#include "node/error.hpp"

namespace cip::node {

// `what` failed, e.g. "opening the database in /home/x": the message says why, code and hint follow
// from the error.
Error error_from(std::error_code code, const std::string& what);

}  // namespace cip::node
