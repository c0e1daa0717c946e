#include "cli/options.hpp"

#include <fmt/format.h>

#include "node/home.hpp"
#include "node/log.hpp"
#include "node/service.hpp"

namespace cip::cli {
namespace {

Parsed<bool> parse_log_format(std::string_view text) {
  if (text == "json") return true;
  if (text == "text") return false;
  return tl::unexpected<std::string>("the format is text or json");
}

Parsed<node::Transport> parse_transport(std::string_view text) {
  if (const auto transport = node::transport_named(text)) return *transport;
  return tl::unexpected<std::string>("the transport is auto, tcp or udx");
}

}  // namespace

Parsed<std::string> parse_log_spec(std::string_view text) {
  const auto checked = node::check_log_spec(text);
  if (checked) return std::string(text);
  return tl::unexpected(fmt::format("{}; {}", checked.error().message, checked.error().hint));
}

void add_global_flags(CLI::App& app, Settings& settings, Globals& globals) {
  const auto add = [&](CLI::Option* option, const char* standing_for = "") {
    option->group(kGlobalFlags)->default_str(standing_for);
    settings.add(option);
  };
  add(add_value(app, "--home", globals.home, parse_text, "DIR", "Folder of the node"),
      "$XDG_DATA_HOME/cipnode");
  add(add_switch(app, "--json", globals.json, "Print results as JSON, one object per line"));
  add(add_switch(app, "-q,--quiet", globals.quiet, "Say nothing on stderr but errors"));
  add(add_switch(app, "-v,--verbose", globals.verbose,
                 "Say what the node does meanwhile: whom it asks, finds and meets"));
  add(add_value(app, "--log", globals.log, parse_log_spec, "SPEC",
                "Log levels by floor, such as dht=debug,store=info"));
  add(add_value(app, "--log-format", globals.log_json, parse_log_format, "text|json",
                "How log lines look"),
      "text");
  add(add_value(app, "--timeout", globals.timeout, parse_duration, "DURATION",
                "Give up after this time; 0: never"));
  add(add_list(app, "--bootstrap", globals.bootstrap, parse_contact, "HOST:PORT",
               "Contact to enter an overlay through (repeatable)"));
  add(add_value(app, "--network", globals.network, parse_label, "NAME",
                "Label under which contacts and announces are kept apart"),
      "default");
  add(add_switch(app, "--no-daemon", globals.no_daemon,
                 "Run in this process instead of the node of the home"));
}

void add_join_flags(CLI::App& app, Settings& settings, node::JoinOptions& join) {
  const auto add = [&](CLI::Option* option, const char* standing_for = "") {
    option->group(kNodeFlags)->default_str(standing_for);
    settings.add(option);
  };
  add(add_value(app, "--listen", join.listen, parse_listen, "HOST:PORT",
                "UDP and TCP address of the node; port 0: any"),
      "0.0.0.0:49737");
  add(add_switch(app, "--public", join.reachable, "The node can be reached by everybody"));
  add(add_switch(app, "--ephemeral", join.ephemeral, "Never become part of others' tables"));
  add(add_switch(app, "--no-lan", join.lan, "Do not look for nodes on the local network", false));
  add(add_switch(app, "--announce-public", join.announce_public,
                 "Announce feeds and topics in the network hyperswarm, too"));
  add(add_switch(app, "--contact-card", join.contact_card,
                 "Store at which public addresses this node can be dialled, for peers that cannot "
                 "reach it otherwise: everybody who learns its key can read them. It cannot be "
                 "called back for 48 h"));
  add(add_value(app, "--transport", join.transport, parse_transport, "auto|tcp|udx",
                "What streams travel over: tcp reaches cipnodes alone, udx also programs that are "
                "built on Hyperswarm; auto: tcp with cipnodes where it leads to them, else udx"),
      "auto");
  add(add_list(app, "--seed", join.seed, parse_key_text, "KEY",
               "Feed of others to keep and serve (repeatable)"));
  add(add_list(app, "--allow", join.allow, parse_key_text, "KEY",
               "Peer that may connect; others may not (repeatable)"));
  add(add_list(app, "--deny", join.deny, parse_key_text, "KEY",
               "Peer that may not connect (repeatable)"));
  add(add_value(app, "--idle-exit", join.idle_exit, parse_duration, "DURATION",
                "End when nobody has used the node for this time"),
      "never");
  add(add_value(
          app, "--quota", join.quota, parse_size, "SIZE",
          "Disk for feeds: fetched for a moment makes room, own and kept is refused above it"),
      "10G or a tenth of the disk, the lesser");
}

void add_assume_latest(CLI::App& app, bool& target) {
  add_switch(
      app, "--assume-latest", target,
      "In a restored home, or after id import: go on although nobody who has the feed answers")
      ->group(kCommandFlags);
}

node::JoinOptions join_options(const Globals& globals, const node::JoinOptions& join) {
  auto out = join;
  out.home = home_of(globals);
  out.network = globals.network.value_or(out.network);
  out.contacts.insert(out.contacts.end(), globals.bootstrap.begin(), globals.bootstrap.end());
  out.log.spec = !globals.log.empty() ? globals.log : globals.verbose ? "debug" : "";
  out.log.json = globals.log_json;
  return out;
}

std::filesystem::path user_config_file(const Environment& environment) {
  // Relative paths are to be ignored, says the XDG specification.
  if (const auto folder = environment("XDG_CONFIG_HOME"); folder && folder->starts_with('/')) {
    return std::filesystem::path(*folder) / "cipnode" / "config.toml";
  }
  auto user = environment("HOME");
  if (!user) {
    if (const auto folder = node::user_folder()) user = folder->string();
  }
  return std::filesystem::path(user.value_or("/")) / ".config" / "cipnode" / "config.toml";
}

std::filesystem::path home_of(const Globals& globals) {
  if (globals.home.empty()) return node::default_home();
  std::error_code error;
  const auto path = std::filesystem::absolute(globals.home, error);
  return error ? std::filesystem::path(globals.home) : path;
}

}  // namespace cip::cli
