#pragma once

// "Did you mean …?" for commands and flags.

#include <string>
#include <string_view>
#include <vector>

namespace cip::cli {

// Edits (insert, delete, replace, swap of neighbours) that turn one word into the other; upper and
// lower case count as equal.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate that `word` was meant to be, or an empty text when none is near enough. First
// comes what begins with `word` (a single letter only if nothing else begins so), then what other
// programs call so ("list" for ls), then the fewest edits. What ends or destroys something is only
// ever found by its beginning, and last. The first of equals wins.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// Whether a command of this name takes something away.
bool is_destructive(std::string_view command);

}  // namespace cip::cli
