#pragma once

// The only place that reads the machine's clocks.

#include "base/time.hpp"

namespace cip::node {

Now now();

}  // namespace cip::node
