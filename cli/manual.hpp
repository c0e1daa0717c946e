#pragma once

// What there is to say of a command, before it is laid out: for a terminal (help.hpp), or as a page
// of the manual (pages/command_page.hpp).

#include <string>
#include <vector>

#include "cli/command_tree.hpp"

namespace cip::cli {

struct ManualEntry {
  std::string name;               // "-q, --quiet", "KEY|NAME", "append", an exit code
  std::string value = {};         // what a flag takes, "DIR"; the class of an exit code
  std::string text;               // a sentence without full stop
  std::string standing_for = {};  // what holds where a flag is not given; empty: nothing to say
  std::string variable = {};      // of the environment, which gives the flag; may be empty
};

struct ManualGroup {
  std::string heading;
  std::vector<ManualEntry> entries;
};

struct Manual {
  std::string name;     // "cipnode feed append"
  std::string purpose;  // a sentence without full stop
  std::string details;  // may be empty
  std::string usage;    // "cipnode feed append [flags] NAME"
  std::vector<ManualEntry> arguments;
  std::vector<ManualGroup> commands;  // of a group of commands, in sections
  std::vector<ManualGroup> flags;     // those of the command, then those of all commands
  std::vector<std::string> examples;
  std::vector<ManualEntry> exits;  // empty for a group of commands
};

Manual manual_of(const CommandTree& tree, const CLI::App& app);

// Every command that is shown, groups before what is in them, from the root on.
std::vector<const CLI::App*> shown_commands(const CommandTree& tree);

}  // namespace cip::cli
