#pragma once

// cipnode routes: the routing table as rows, and as a picture of its buckets.

#include <string>
#include <vector>

#include "cli/context.hpp"

namespace cip::cli {

// One line per bucket that has contacts: how full it is, each contact as a letter of its age, the
// median of the round trips.
//
//     bucket                          round trip
//          0  [##########++++----..]      0.42 ms
//          1  [###                 ]      1.20 ms
//
// `contacts` are the result objects of the method "routes".
std::string bucket_picture(const std::vector<Json>& contacts);

int show_routes(Context& context);

}  // namespace cip::cli
