#pragma once

// The page of a scenario: its charts with the command that repeats the run and the figures.

#include <string>
#include <vector>

#include "cli/chart.hpp"

namespace cip::cli {

// One self-contained page, made for screen and paper. `caption`: what was run; `text`: what the
// command printed, shown as it is.
std::string html_page(const std::string& title, const std::string& caption, const std::string& text,
                      const std::vector<Chart>& charts);

}  // namespace cip::cli
