#pragma once

// The passphrase of a file: typed at a terminal, where it is not shown, or from a file. Never an
// argument, which every process of the machine may read.

#include <string>

#include "cli/context.hpp"
#include "cli/exit_code.hpp"

namespace cip::cli {

// Whether it is typed once more, as a typing error would close a new file for good.
enum class Typed { once, twice };

// `file`: where it is; empty: it is typed. Errors: usage (nobody is at a terminal, it is empty or
// far too long, two that differ, no such file).
Outcome<std::string> read_passphrase(Context& context, const std::string& file, Typed typed);

}  // namespace cip::cli
