#pragma once

// A question to the node that runs in a home, for callers who have no time: none is started, and
// none that is silent, starts or ends is waited for.

#include <filesystem>

#include "node/service.hpp"

namespace cip::node {

// `handler` gets what is answered within `patience`; nothing when no node answers, whatever the
// reason.
void ask_running_node(const std::filesystem::path& home, const Request& request, Duration patience,
                      Handler& handler);

}  // namespace cip::node
