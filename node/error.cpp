#include "node/error.hpp"

#include <cerrno>

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

std::string_view hint_for_shortage(std::error_code code) {
  // Codes of Asio's category are those of the system, and equal to none of them.
  const std::string_view category = code.category().name();
  const bool is_of_system =
      category == "system" || category == "generic" || category == "asio.system";
  if (!is_of_system) return {};
  switch (code.value()) {
    case EMFILE:
    case ENFILE:
      return "raise the limit (ulimit -n), or close other programs";
    case EAGAIN:
      return "raise the limit of processes and threads (ulimit -u), or end other programs";
    default:
      return {};
  }
}

}  // namespace cip::node
