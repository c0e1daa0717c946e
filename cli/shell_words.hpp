#pragma once

// Words as they stand on a command line, before a shell has read them: quotes, ~ and variables. For
// completion, which sees a line that is not finished. Nothing is run: $(…) stays as it is.

#include <string>
#include <string_view>
#include <vector>

#include "cli/settings.hpp"

namespace cip::cli {

// The words of a line, the last one as far as it is typed: empty behind a blank, without the end of
// its quotes if they are open. A variable that the environment does not have stays as it is.
std::vector<std::string> shell_words(std::string_view line, const Environment& environment);
// One word alone, in which blanks are nothing special.
std::string shell_word(std::string_view word, const Environment& environment);

}  // namespace cip::cli
