#pragma once

// Published and computed figures, each measured again in its own set-up.
//
//   K1  hops of a lookup among 25,000 nodes with ideal tables, by bucket size (ProbeLab RFM 19.1)
//   K2  hops and requests by the number of nodes (computed with the reference model)
//   K3  how good tables are under churn (ProbeLab RFM 19, the IPFS network)
//   K7  how long a lookup takes between world regions (Trautwein et al., SIGCOMM 2022, IPFS)

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulations/routing.hpp"

namespace cip::simulations {

enum class Paper : std::uint8_t { k1, k2, k3, k7 };
std::string_view name_of(Paper paper);
std::optional<Paper> parse_paper(std::string_view text);

// What differs from the published set-up. 0: as published.
struct PaperOptions {
  std::uint64_t nodes = 0;    // K2: the largest network, 100,000 unless told
  std::uint64_t lookups = 0;  // for each figure
  std::uint64_t runs = 0;     // K1
  std::uint64_t seed = 1;
  Duration duration{};  // K3
};
// The parameters of the largest world that a paper needs.
Parameters largest_world(Paper paper, const PaperOptions& options);

struct PaperRow {
  std::string figure;
  std::optional<double> published;  // none: held against a limit of our own
  double low = 0;                   // it is hit from here
  double high = 0;
  double ours = 0;
  std::string remark;  // how the set-up differs; why it was missed, if known

  bool is_hit() const { return low <= ours && ours <= high; }
};
struct PaperHops {
  double nodes = 0;
  double published = 0;
  double ours = 0;
};
struct PaperRun {
  std::string title;
  std::vector<PaperRow> rows;
  std::vector<PaperHops> hops_by_nodes;  // K2
  std::vector<RunInfo> runs;
  bool interrupted = false;
};
PaperRun run_paper(Paper paper, const PaperOptions& options, const Progress& progress);

}  // namespace cip::simulations
