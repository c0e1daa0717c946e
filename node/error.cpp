#include "node/error.hpp"

namespace cip::node {

std::string_view class_name(ExitCode code) {
  switch (code) {
    case ExitCode::ok:
      return "ok";
    case ExitCode::internal:
      return "internal";
    case ExitCode::usage:
      return "usage";
    case ExitCode::not_found:
      return "not_found";
    case ExitCode::no_route:
      return "no_route";
    case ExitCode::timeout:
      return "timeout";
    case ExitCode::unconfirmed:
      return "unconfirmed";
    case ExitCode::refused:
      return "refused";
    case ExitCode::no_daemon:
      return "no_daemon";
    case ExitCode::busy:
      return "busy";
    case ExitCode::incompatible:
      return "incompatible";
    case ExitCode::full:
      return "full";
    case ExitCode::conflict:
      return "conflict";
    case ExitCode::corrupt:
      return "corrupt";
  }
  return "internal";
}

ExitCode exit_code_of(int number) {
  return number >= 0 && number <= 13 ? static_cast<ExitCode>(number) : ExitCode::internal;
}

}  // namespace cip::node
