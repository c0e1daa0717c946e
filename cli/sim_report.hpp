#pragma once

// The charts of a scenario, and the page that holds them with the parameters and the figures.

#include <string>
#include <vector>

#include "cli/sim_chart.hpp"
#include "cli/sim_render.hpp"

namespace cip::cli {

std::vector<Chart> routing_charts(const std::vector<RoutingRun>& runs);
std::vector<Chart> size_charts(const std::vector<SizeRun>& runs);
std::vector<Chart> churn_charts(const std::vector<ChurnRun>& runs);
std::vector<Chart> paper_charts(const PaperRun& run);

// One self-contained page. `text`: what the command printed, shown as it is.
std::string html_page(const std::string& title, const std::string& replay, const std::string& text,
                      const std::vector<Chart>& charts);

}  // namespace cip::cli
