#pragma once

// Where a flag that was not given gets its value: the environment variable CIPNODE_<KEY>, else
// config.toml of the home, else config.toml of $XDG_CONFIG_HOME/cipnode, else its default.
//
// What is written is checked even where something of a higher rank holds instead: settings are read
// in ascending order, and what was typed comes last.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <map>
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

// "no-lan" -> "CIPNODE_NO_LAN", "feed.seed.once" -> "CIPNODE_FEED_SEED_ONCE"
std::string environment_name(std::string_view key);

struct Origin {
  enum class Kind { standing, file, environment, flag };
  Kind kind = Kind::standing;  // standing: nobody said anything, the default holds
  std::string file = {};       // of a file
  int line = 0;                // where in it the key stands
};

struct Setting {
  CLI::Option* option;
  std::string key;  // "listen"; of a command's own flag "feed.seed.listen"
  Origin origin = {};
};

// What was read in one place, and what is wrong with it.
struct SettingsSource {
  struct Problem {
    int line = 0;  // 0: of no line
    Error error;
  };
  std::filesystem::path file;  // empty: the environment
  bool exists = false;
  std::size_t settings = 0;
  std::vector<Problem> problems = {};
};

// The flags that have settings, in the order of help.
class Settings {
 public:
  // The key is the long name of the flag.
  void add(CLI::Option* option);
  // All flags of a command that help shows, with its words in front of their names.
  void add_flags_of(CLI::App& app);
  const std::vector<Setting>& all() const { return settings_; }
  // nullptr: this flag has none.
  const Setting* find(const CLI::Option* option) const;

  // Puts aside what was typed, for apply_typed(). Before anything else is read.
  void set_typed_aside();
  // What was typed for this key; nullptr: nothing.
  const std::vector<std::string>* typed(std::string_view key) const;
  // No such file is no error. `for_home` is set for the file in the home, which cannot say where
  // the home is.
  void apply_config_file(const std::filesystem::path& path, bool for_home);
  void apply_environment(const Environment& environment);
  void apply_typed();

  // In the order in which they were read.
  const std::vector<SettingsSource>& sources() const { return sources_; }
  std::optional<Error> first_problem() const;

 private:
  Setting* find_key(std::string_view key);
  Error unknown_key(const std::string& key, const std::string& where) const;
  Outcome<void> apply_entry(const ConfigEntry& entry, const std::filesystem::path& file,
                            bool for_home);

  std::vector<Setting> settings_;
  std::map<std::string, std::vector<std::string>, std::less<>> typed_;
  std::vector<SettingsSource> sources_;
};

}  // namespace cip::cli
