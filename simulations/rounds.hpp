#pragma once

// The reference model of published figures: a walk in synchronous rounds over the tables of the
// world's nodes. In a round the alpha closest contacts that were not asked are asked at the same
// time, and all answers are there before the next round begins (ProbeLab RFM 19.1). It ends when
// the k closest that live have answered. Nothing is sent.

#include <string>
#include <vector>

#include "simulations/lookups.hpp"

namespace cip::simulations {

// `whole` becomes false when progress asked to stop.
std::vector<Looked> run_rounds(World& world, std::uint64_t count, const Progress& progress,
                               bool& whole);

// What of these parameters the model takes no account of, so that its figures are not held against
// those of strategies that send; empty: nothing.
std::string caveat_of_rounds(const Parameters& parameters);

}  // namespace cip::simulations
