#pragma once

// What a user is told when a command fails: one sentence, a hint, and the exit code of its class
// (cli.md "Exit codes"). Frozen: scripts depend on the numbers and the class names.

#include <string>
#include <string_view>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

namespace cip::node {

enum class ExitCode : int {
  ok = 0,
  internal = 1,
  usage = 2,
  not_found = 3,
  no_route = 4,
  timeout = 5,
  unconfirmed = 6,
  refused = 7,
  no_daemon = 8,
  busy = 9,
  incompatible = 10,
  full = 11,
  conflict = 12,
  corrupt = 13,
};

// "not_found" for ExitCode::not_found; "internal" for numbers that are not in the table.
std::string_view class_name(ExitCode code);
// The exit code of a number that came over the control socket; internal when unknown.
ExitCode exit_code_of(int number);

struct Error {
  ExitCode code = ExitCode::internal;
  std::string message;  // what failed and why, one sentence without a final full stop
  std::string hint;     // what to do; may be empty
};

// What to do where the system has no more descriptors or processes to give; empty: `code` says
// something else.
std::string_view hint_for_shortage(std::error_code code);

// A value or an Error.
template <typename T>
class [[nodiscard]] Outcome : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

[[nodiscard]] inline tl::unexpected<Error> fail_with(ExitCode code, std::string message,
                                                     std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}

}  // namespace cip::node
