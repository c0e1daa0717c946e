#pragma once

// Where a flag that was not given gets its value: the environment variable CIPNODE_<FLAG>, else
// config.toml of the home, else config.toml of $XDG_CONFIG_HOME/cipnode, else its default.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config_file.hpp"
#include "cli/exit_code.hpp"

namespace cip::cli {

// Looks a variable of the environment up; an empty one counts as absent.
using Environment = std::function<std::optional<std::string>(const std::string&)>;
Environment process_environment();

// "--no-lan" -> "CIPNODE_NO_LAN"
std::string environment_name(std::string_view long_flag);
// "--no-lan" -> "no-lan", as config.toml writes it
std::string config_key(std::string_view long_flag);

// The flags that have settings, in the order of help.
class Settings {
 public:
  void add(CLI::Option* option) { options_.push_back(option); }
  bool has(const CLI::Option* option) const;

  // Gives every flag that is still without value that of the environment.
  Outcome<void> apply_environment(const Environment& environment);
  // The same from a config file; entries are checked even where a flag was given. No such file is
  // no error. `for_home` is set for the file in the home, which cannot say where the home is.
  Outcome<void> apply_config_file(const std::filesystem::path& path, bool for_home);

 private:
  CLI::Option* find(std::string_view key) const;
  Outcome<void> apply_entry(const ConfigEntry& entry, const std::string& where);

  std::vector<CLI::Option*> options_;
};

}  // namespace cip::cli
