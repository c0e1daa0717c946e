#pragma once

// Golden texts: what the command line prints, kept in files so that a change is seen in a diff.
// CIP_UPDATE_GOLDEN=1 writes them anew.

#include <string>

namespace cip::cli::test {

// The golden file `name` below tests/unit/cli/golden holds exactly `text`.
void check_golden(const std::string& name, const std::string& text);

}  // namespace cip::cli::test
