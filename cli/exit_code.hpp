#pragma once

// How a command ends: the exit codes of node's errors plus those of signals, as scripts and help
// texts know them. The numbers are frozen by the contract of the command line.

#include <string>
#include <string_view>

#include "node/error.hpp"

namespace cip::cli {

using node::Error;
using node::ExitCode;
using node::fail_with;
using node::Outcome;

inline constexpr int kInterrupted = 130;  // SIGINT
inline constexpr int kTerminated = 143;   // SIGTERM

// When a code is given, as help texts say it.
std::string_view meaning(ExitCode code);

// {"error":{"code":4,"class":"no_route","message":"…","hint":"…"}}, without newline.
std::string to_json_text(const Error& error);

// A bad flag, value or config.
[[nodiscard]] inline tl::unexpected<Error> usage_error(std::string message, std::string hint = {}) {
  return fail_with(ExitCode::usage, std::move(message), std::move(hint));
}

}  // namespace cip::cli
