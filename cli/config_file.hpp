#pragma once

// config.toml: the part of TOML 1.0 that settings need. `key = value` lines, where a key may be
// dotted ("feed.seed.once") and a value is a basic or literal string, a whole number, true or
// false, or an array of these (which may span lines); comments and blank lines. Tables, dates,
// floats and multi-line strings are refused by line, so that no setting is ever silently misread.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.hpp"

namespace cip::cli {

struct ConfigEntry {
  std::string key;
  std::vector<std::string> values;  // more or less than one only when written as an array
  int line = 0;                     // where the key stands, from 1
};

// Also a link that leads nowhere, and whatever is in a folder that may not be looked into: settings
// that somebody wrote are not passed over. A folder that cannot even be seen is no such one: HOME
// may be that of another user.
bool is_config_there(const std::filesystem::path& path);

// The text of a config file; empty when there is none. Error usage: it cannot be read to its end.
Outcome<std::string> read_config(const std::filesystem::path& path);

struct ConfigText {
  std::vector<ConfigEntry> entries;  // up to the problem
  std::optional<Error> problem = {};
  int problem_line = 0;
};
// `name` is the file's name for messages. A key that comes twice is a problem, as in TOML.
ConfigText parse_config(std::string_view text, std::string_view name);

}  // namespace cip::cli
