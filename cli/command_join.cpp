// cipnode join: a node in the foreground, or with --detach in the background.

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/application.hpp"

namespace cip::cli {
namespace {

std::string ready_text(const Json& event, Style style) {
  Pairs pairs;
  pairs.add("ready", fmt::format("udp {}, tcp {}", text_of(event, "udp"), text_of(event, "tcp")));
  pairs.add("key", text_of(event, "key"));
  pairs.add("node", text_of(event, "node"));
  pairs.add("home", text_of(event, "home"));
  pairs.add("pid", std::to_string(count_of(event, "pid")));
  return pairs.text(style);
}

// "peer  connected  key  address": texts speak for themselves, numbers and flags need their names.
std::string event_text(const Json& event, Style style) {
  const auto name = text_of(event, "event");
  if (name == "ready") return ready_text(event, style);
  std::string out = name;
  for (const auto& [member, value] : event.items()) {
    if (member == "event" || member == "keyHex" || value.is_null()) continue;
    out += value.is_string() ? "  " + value.get<std::string>()
                             : fmt::format("  {} {}", member, json_line(value));
  }
  return (style.escape ? escape_for_terminal(out) : out) + "\n";
}

// A node outlives whoever watches it: when stdout is gone, it runs on.
class JoinPrinter final : public node::Handler {
 public:
  explicit JoinPrinter(Context& context) : context_(context) {}

  void on_result(const Json& event) override {
    if (text_of(event, "event") == "ready") pid_ = count_of(event, "pid");
    if (context_.globals.json) return context_.console.out_line(json_line(event));
    context_.console.write_out(event_text(event, context_.style()));
  }
  void on_notice(std::string_view sentence) override { print_notice(context_, sentence); }
  std::uint64_t pid() const { return pid_; }

 private:
  Context& context_;
  std::uint64_t pid_ = 0;
};

int join(Context& context, bool detach) {
  auto options = context.join;
  if (context.globals.timeout) options.ready_timeout = *context.globals.timeout;
  JoinPrinter printer(context);
  if (!detach) return conclude(context, context.backend.run_join(options, printer), true);
  const int code = conclude(context, context.backend.run_join_detached(options, printer), false);
  if (code != 0) return code;
  // It was asked for and answers; that nobody could be told does not end it.
  return report_unwritten(context, fmt::format("the node runs, with pid {}", printer.pid()),
                          "stop it with: cipnode stop");
}

Parsed<int> parse_descriptor(std::string_view text) {
  const auto value = parse_count(text);
  if (value && *value <= 1'000'000) return static_cast<int>(*value);
  return tl::unexpected<std::string>("not a file descriptor");
}

Parsed<std::uint32_t> parse_node_count(std::string_view text) {
  const auto value = parse_count(text);
  if (value && *value <= 10'000) return static_cast<std::uint32_t>(*value);
  return tl::unexpected<std::string>("at most 10000 nodes in one process");
}

// What the program and its tests say to themselves; not part of the contract, not in help.
void add_hidden_flags(CLI::App& app, CommandTree& tree) {
  add_value(app, "--for-command", tree.join().for_command, parse_text, "COMMAND", "")->group("");
  add_list(app, "--from-settings", tree.join().from_settings, parse_text, "KEY", "")->group("");
  add_value(app, "--ready-fd", tree.join().ready_fd, parse_descriptor, "N", "")->group("");
  add_value(app, "--test-nodes", tree.join().test_nodes, parse_node_count, "N", "")->group("");
}

}  // namespace

void add_join_command(CommandTree& tree) {
  auto& detach = tree.options<bool>();
  auto& app = tree.add(
      tree.root(), "join", "Node",
      {.purpose = "Run a node: start an overlay, or enter one through contacts",
       .details =
           "Without contacts it comes back through those saved in its home. The node runs until a "
           "signal or `cipnode stop`; with --detach the command returns when the node answers. A "
           "node that was started for a command makes way for it; what runs there goes on here. "
           "Beside a node that was joined it is refused (exit 9) and changes nothing. SIGHUP ends "
           "a "
           "node in the foreground; a detached one opens its log anew.",
       .timeout = "10s with --detach",
       .examples = {"cipnode join", "cipnode join 192.0.2.7:49737 --listen 0.0.0.0:0 --detach"},
       .exits = {ExitCode::no_route, ExitCode::timeout, ExitCode::refused, ExitCode::busy,
                 ExitCode::incompatible, ExitCode::full, ExitCode::corrupt},
       .run = [&detach](Context& context) { return join(context, detach); }});
  add_list(app, "CONTACT", tree.join().contacts, parse_contact, "",
           "HOST:PORT of a node to enter an overlay through");
  add_switch(app, "-d,--detach", detach, "Return when the node in the background answers")
      ->group(kCommandFlags);
  add_join_flags(app, tree.settings(), tree.join());
  add_hidden_flags(app, tree);
}

}  // namespace cip::cli
