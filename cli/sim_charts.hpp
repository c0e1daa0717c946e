#pragma once

// The charts of each scenario.

#include <string>
#include <vector>

#include "cli/chart.hpp"
#include "cli/sim_render.hpp"

namespace cip::cli {

std::vector<Chart> routing_charts(const std::vector<RoutingRun>& runs);
std::vector<Chart> size_charts(const std::vector<SizeRun>& runs);
std::vector<Chart> churn_charts(const std::vector<ChurnRun>& runs);
std::vector<Chart> paper_charts(const PaperRun& run);
// One small world of each kind, drawn with the definitions of the metrics that it shows.
std::vector<Chart> metrics_charts();
std::string metrics_caption();  // which worlds

// Shared by scenarios: one bar a bucket, the mean of the runs; whiskers from the smallest to the
// largest of several.
struct BucketFigures {
  std::string title;
  const char* y_label;
  double factor = 1;
};
Chart bucket_chart(const BucketFigures& what, const std::vector<std::vector<double>>& runs);

}  // namespace cip::cli
