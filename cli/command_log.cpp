// cipnode log: how much the running node logs.

#include <fmt/format.h>

#include "cli/application.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

std::string levels_text(const Json& object, Style style) {
  Pairs pairs;
  const auto levels = object.value("levels", Json::object());
  for (const auto& [floor, level] : levels.items()) {
    if (level.is_string()) pairs.add(floor, level.get<std::string>());
  }
  return pairs.text(style);
}

int log_level(Context& context, const std::string& spec) {
  node::Request request{"log.level"};
  if (!spec.empty()) request.params["spec"] = spec;
  TextPrinter printer(context,
                      [&](const Json& object) { return levels_text(object, context.style()); });
  return run(context, request, printer);
}

}  // namespace

void add_log_commands(CommandTree& tree) {
  auto& log = tree.add(tree.root(), "log", "Node",
                       {.purpose = "The log of the running node",
                        .examples = {"cipnode log level", "cipnode log level dht=debug"},
                        .run = {}});
  auto& spec = tree.options<std::string>();
  auto& level =
      tree.add(log, "level", "Commands",
               {.purpose = "Say how much the running node logs, and change it until the node ends",
                .details = "Floors that SPEC does not name stay as they are.",
                .timeout = default_timeout("log.level"),
                .examples = {"cipnode log level dht=debug,store=info", "cipnode log level --json"},
                .exits = exits_of("log.level"),
                .run = [&spec](Context& context) { return log_level(context, spec); }});
  add_value(level, "SPEC", spec, parse_log_spec, "",
            "LEVEL or FLOOR=LEVEL,…; floors: dht store overlay node; levels: trace debug info "
            "warning error off");
}

}  // namespace cip::cli
