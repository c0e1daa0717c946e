#pragma once

// All settings in one page: docs/configuration.md, and cipnode-config(5).

#include <string>

#include "cli/command_tree.hpp"
#include "cli/pages/document.hpp"
#include "cli/pages/roff.hpp"

namespace cip::cli::pages {

// docs/configuration.md
std::string configuration_text(const CommandTree& tree);
// cipnode-config(5)
std::string configuration_page(const CommandTree& tree, const Edition& edition);

}  // namespace cip::cli::pages
