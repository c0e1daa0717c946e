#pragma once

// Help texts: purpose, usage, arguments, flags in groups with default and environment variable, two
// examples, exit codes. For groups of commands: the list of them.

#include <string>

#include "cli/command_tree.hpp"

namespace cip::cli {

// Wrapped for a terminal of so many columns.
std::string help_text(const CommandTree& tree, const CLI::App& app, int columns = 80);

}  // namespace cip::cli
