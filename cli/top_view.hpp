#pragma once

// The samples of `cipnode top` as people see them.

#include <string>

#include "cli/console.hpp"
#include "cli/context.hpp"

namespace cip::cli {

// A sample as text, whole.
std::string top_text(const Json& sample);
// The same cut to a terminal, so that nothing scrolls: peers, feeds and topics share its rows.
std::string top_text(const Json& sample, TerminalSize size);
// Draws `text` over what was drawn before. Where the size of the terminal changed, and at first,
// all of it is wiped.
std::string redrawn(const std::string& text, bool wiped);

}  // namespace cip::cli
