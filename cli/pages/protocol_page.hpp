#pragma once

// The page of the manual about what goes over the wire: docs/protocol.md for those who have no
// docs.

#include <optional>
#include <string>
#include <string_view>

#include "cli/pages/roff.hpp"

namespace cip::cli::pages {

// nullopt: `markdown` is more than markdown.hpp reads.
std::optional<std::string> protocol_page(std::string_view markdown, const Edition& edition);

}  // namespace cip::cli::pages
