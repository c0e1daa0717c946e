#pragma once

// "Did you mean …?" for commands and flags.

#include <string>
#include <string_view>
#include <vector>

namespace cip::cli {

// Edits (insert, delete, replace, swap of neighbours) that turn one word into the other; upper and
// lower case count as equal.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, or an empty text when none is near enough to be meant. A
// candidate that starts with `word` is near. The first of equals wins.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace cip::cli
