#pragma once

// The global flags, which every command takes, and the flags of `join`, which also say how a node
// is started for a command that finds none.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "cli/flags.hpp"
#include "cli/settings.hpp"
#include "node/join_options.hpp"

namespace cip::cli {

struct Globals {
  std::string home;  // empty: the default
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  std::string log;  // "dht=debug,store=info"
  bool log_json = false;
  std::optional<Duration> timeout;  // absent: the default of the command
  std::vector<std::string> bootstrap;
  std::optional<std::string> network;  // absent: "default"
  bool no_daemon = false;
};

// The names of help's groups of flags, in the order in which they are shown.
inline constexpr const char* kCommandFlags = "Flags";
inline constexpr const char* kOutputFlags = "Output";
inline constexpr const char* kNodeFlags = "Node";
inline constexpr const char* kGlobalFlags = "Global flags";

// The value of --log.
Parsed<std::string> parse_log_spec(std::string_view text);

// `app` is the root of all commands: commands fall through to it.
void add_global_flags(CLI::App& app, Settings& settings, Globals& globals);

// `-d` and the contacts are join's own: they are no settings.
void add_join_flags(CLI::App& app, Settings& settings, node::JoinOptions& join);

// --assume-latest of what appends to an own feed.
void add_assume_latest(CLI::App& app, bool& target);

// What a node is started with: the flags of join, and the global ones that concern it.
node::JoinOptions join_options(const Globals& globals, const node::JoinOptions& join);

// Files that settings come from besides the one in the home: $XDG_CONFIG_HOME/cipnode/config.toml.
std::filesystem::path user_config_file(const Environment& environment);
// The home: the flag, the variable or the setting, else node's default.
std::filesystem::path home_of(const Globals& globals);

}  // namespace cip::cli
