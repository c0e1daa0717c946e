#include "cli/exit_code.hpp"

#include "node/service.hpp"

namespace cip::cli {

std::string_view meaning(ExitCode code) {
  switch (code) {
    case ExitCode::ok:
      return "done";
    case ExitCode::internal:
      return "unexpected error";
    case ExitCode::usage:
      return "bad flag, bad value, bad config";
    case ExitCode::not_found:
      return "id, feed, topic or key that nobody knows";
    case ExitCode::no_route:
      return "peer known but not reachable, or no node answers";
    case ExitCode::timeout:
      return "time ran out before the work was done";
    case ExitCode::unconfirmed:
      return "sent, but the confirmation asked for did not arrive";
    case ExitCode::refused:
      return "signature, rights or policy say no";
    case ExitCode::no_daemon:
      return "no node runs in the home and none is started, or it went away";
    case ExitCode::busy:
      return "home held by another process, or an explicit port in use";
    case ExitCode::incompatible:
      return "version of a peer or of the store";
    case ExitCode::full:
      return "quota or disk";
    case ExitCode::conflict:
      return "needs a decision, such as a feed with two histories";
    case ExitCode::corrupt:
      return "hash, proof or database check failed";
  }
  return "unexpected error";
}

std::string to_json_text(const Error& error) {
  const node::Json body = {{"code", static_cast<int>(error.code)},
                           {"class", class_name(error.code)},
                           {"message", error.message},
                           {"hint", error.hint}};
  // Messages may quote bytes of others: what is not UTF-8 is replaced rather than thrown on.
  return node::Json{{"error", body}}.dump(-1, ' ', false, node::Json::error_handler_t::replace);
}

}  // namespace cip::cli
