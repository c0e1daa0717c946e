#include "cli/context.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.hpp"
#include "cli/colours.hpp"
#include "node/journal.hpp"
#include "node/signals.hpp"

namespace cip::cli {
namespace {

Error output_error(std::error_code error) {
  const bool full = error == std::errc::no_space_on_device;
  return {full ? ExitCode::full : ExitCode::internal, "cannot write to stdout: " + error.message(),
          full ? "free some space and try again" : ""};
}

// A reader that has gone had what it wanted; after a signal nothing more is owed.
bool is_quiet(std::error_code error) {
  return error == std::errc::broken_pipe || error == std::errc::operation_canceled;
}

// What to do about an error that says nothing more.
std::string default_hint(ExitCode code) {
  switch (code) {
    case ExitCode::usage:
      return "see: cipnode --help";
    case ExitCode::not_found:
      return "check the id, or enter an overlay through --bootstrap HOST:PORT";
    case ExitCode::no_route:
      return "see: cipnode doctor";
    case ExitCode::timeout:
      return "allow more time with --timeout DURATION";
    case ExitCode::unconfirmed:
      return "look at the state before trying again";
    case ExitCode::refused:
      return "ask the owner for the right to do this";
    case ExitCode::no_daemon:
      return "start a node with: cipnode join --detach";
    case ExitCode::busy:
      return "use the running node, or stop it with: cipnode stop";
    case ExitCode::incompatible:
      return "use the same version on both sides";
    case ExitCode::full:
      return "free some space";
    case ExitCode::conflict:
      return "decide which side is right, then try again";
    case ExitCode::corrupt:
      return "restore the home from a backup, or use another --home";
    default:
      return "run it again with -v for more";
  }
}

}  // namespace

std::string json_line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

node::ServiceOptions service_options(const Context& context) {
  node::ServiceOptions options;
  options.join = context.join;
  options.no_daemon = context.globals.no_daemon;
  options.network_given = context.globals.network.has_value();
  options.timeout = context.globals.timeout;
  return options;
}

int code_after_output(Console& console, bool json, int code) {
  const auto problem = console.out_error();
  if (code != 0 || !problem || is_quiet(problem)) return code;
  if (problem == std::errc::interrupted) return 128 + node::caught_signal();
  const auto error = output_error(problem);
  print_error(console, json, error);
  return static_cast<int>(error.code);
}

int report_unwritten(Context& context, const std::string& left, const std::string& hint) {
  const auto problem = context.console.out_error();
  if (!problem || is_quiet(problem) || problem == std::errc::interrupted) return 0;
  auto error = output_error(problem);
  error.message += "; " + left;
  error.hint = hint;
  return report(context, error);
}

int conclude(Context& context, const node::RunResult& result, bool runs) {
  if (result.error) return report(context, *result.error);
  if (result.signal == 0 || (runs && result.running)) return 0;
  return 128 + result.signal;
}

void print_error(Console& console, bool json, const Error& given) {
  auto error = given;
  if (error.hint.empty()) error.hint = default_hint(error.code);
  const auto mark = node::goes_to_journal(STDERR_FILENO) ? node::kJournalError : std::string_view();
  if (json) return console.err_line(fmt::format("{}{}", mark, to_json_text(error)));
  const bool paint = console.colour && console.err_is_terminal;
  const auto clean = [&](const std::string& text) {
    return console.err_is_terminal ? escape_for_terminal(text) : text;
  };
  console.err_line(paint ? fmt::format("{}cipnode:{} {}", kBoldRed, kPlain, clean(error.message))
                         : fmt::format("{}cipnode: {}", mark, clean(error.message)));
  console.err_line(fmt::format("{}  {}", mark, clean(error.hint)));
}

int report(Context& context, const Error& error) {
  print_error(context.console, context.globals.json, error);
  return static_cast<int>(error.code);
}

void print_notice(Context& context, std::string_view sentence) {
  if (context.globals.quiet) return;
  auto& console = context.console;
  if (context.globals.json) {
    return console.err_line(json_line({{"notice", std::string(sentence)}}));
  }
  console.err_line("cipnode: " + (console.err_is_terminal ? escape_for_terminal(sentence)
                                                          : std::string(sentence)));
}

std::string text_of(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

double number_of(const Json& object, const char* name, double otherwise) {
  if (!object.is_object()) return otherwise;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return otherwise;
  return found->get<double>();
}

std::uint64_t count_of(const Json& object, const char* name) {
  const auto value = number_of(object, name);
  return value <= 0 ? 0 : static_cast<std::uint64_t>(value);
}

bool flag_of(const Json& object, const char* name) {
  if (!object.is_object()) return false;
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::string default_timeout(std::string_view method) {
  const auto* info = node::method_info(method);
  if (info == nullptr) return {};
  return duration_flag_text(info->timeout.count());
}

std::vector<ExitCode> exits_of(std::string_view method, std::vector<ExitCode> own) {
  const auto* info = node::method_info(method);
  const auto add = [&](std::initializer_list<ExitCode> codes) {
    own.insert(own.end(), codes.begin(), codes.end());
  };
  add({ExitCode::refused});  // a home of another user, a folder of another program
  if (info == nullptr || info->local) return own;
  add({ExitCode::timeout, ExitCode::busy, ExitCode::incompatible});
  // A node that is started opens the database; one that ends leaves a request without its answer.
  if (info->starts_node) add({ExitCode::full, ExitCode::corrupt});
  if (!info->starts_node || !info->changes) add({ExitCode::no_daemon});
  if (info->changes) add({ExitCode::unconfirmed});
  return own;
}

}  // namespace cip::cli
