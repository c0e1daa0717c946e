#pragma once

// The page of the manual for a command: what its help says (manual.hpp), and where it belongs.

#include <string>

#include "cli/manual.hpp"
#include "cli/pages/document.hpp"
#include "cli/pages/roff.hpp"

namespace cip::cli::pages {

// "cipnode-feed-append", as the pages of the manual are called.
std::string page_name(const CLI::App& app);

std::string command_page(const CommandTree& tree, const CLI::App& app, const Edition& edition);

}  // namespace cip::cli::pages
