#pragma once

// What a command gets to do its work: the flags, the streams, the way to a node.

#include <filesystem>
#include <functional>
#include <string>

#include "cli/console.hpp"
#include "cli/options.hpp"
#include "cli/render.hpp"
#include "node/service.hpp"

namespace cip::cli {

using node::Json;

// The ways to a node: those of node/service.hpp, or a test's own.
struct Backend {
  std::function<node::RunResult(const node::ServiceOptions&, const node::Request&, node::Handler&)>
      run_request;
  std::function<node::RunResult(const node::JoinOptions&, node::Handler&)> run_join;
  std::function<node::RunResult(const node::JoinOptions&, node::Handler&)> run_join_detached;
  // Of node/ask_running.hpp.
  std::function<void(const std::filesystem::path&, const node::Request&, Duration, node::Handler&)>
      ask_running;
};

struct Context {
  const Globals& globals;
  const node::JoinOptions& join;  // complete: global flags are in it
  Console& console;
  const Backend& backend;

  Style style() const { return {console.colour, console.out_is_terminal}; }
};

// How a request is run for this command line.
node::ServiceOptions service_options(const Context& context);
// The exit code of what a run gave; its error is on stderr by then. `runs`: it goes on until a
// signal, which then is its proper end.
int conclude(Context& context, const node::RunResult& result, bool runs);
// The exit code of the whole command line: `code`, unless that says success and stdout could not be
// written.
int code_after_output(Console& console, bool json, int code);
// The same for a command that left something behind: `left` says what stands although stdout does
// not tell it, `hint` what to do about it. 0 when stdout took everything.
int report_unwritten(Context& context, const std::string& left, const std::string& hint);

// "cipnode: sentence" and a hint, or the JSON object.
void print_error(Console& console, bool json, const Error& error);
// Prints it and gives its code.
int report(Context& context, const Error& error);
// A sentence on stderr unless --quiet.
void print_notice(Context& context, std::string_view sentence);
// The text of a result object as --json prints it.
std::string json_line(const Json& object);

// Members of result objects, with a value in place of one that is missing or of another type.
std::string text_of(const Json& object, const char* name);
std::uint64_t count_of(const Json& object, const char* name);
double number_of(const Json& object, const char* name, double otherwise = 0);
bool flag_of(const Json& object, const char* name);

// `--timeout` as help shows the default of a method.
std::string default_timeout(std::string_view method);
// The exit codes of a command that asks for this method: its own, and those of every request that
// opens a home or asks the node that runs in it.
std::vector<ExitCode> exits_of(std::string_view method, std::vector<ExitCode> own = {});

}  // namespace cip::cli
