#pragma once

// The status object as Prometheus text, for `cipnode status --metrics`.

#include <string>

#include "node/service.hpp"

namespace cip::node {

std::string metrics_text(const Json& status);

}  // namespace cip::node
