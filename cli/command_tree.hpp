#pragma once

// The tree of commands: what each is for, its flags, how it runs. Parses a command line into the
// command it means, with settings applied, or into one sentence that says what is wrong with it.

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/options.hpp"
#include "cli/settings.hpp"

namespace cip::cli {

struct Context;

struct Command {
  std::string purpose;                // one line, a sentence without full stop
  std::string details = {};           // more for the help of this command, may be empty
  std::string timeout = {};           // default of --timeout as help shows it; empty: none
  std::vector<std::string> examples;  // two command lines that run
  std::vector<ExitCode> exits = {};   // besides ok, internal and usage
  bool bad_settings = false;          // it runs with settings that are wrong, too
  std::function<int(Context&)> run;   // empty for a group of commands; gives the exit code
};

// What a command line means.
struct Invocation {
  const CLI::App* app = nullptr;  // the command; the root when none was named
  bool help = false;              // its help is asked for
};

class CommandTree {
 public:
  CommandTree();

  // Adds `name` below `parent`. `section` is the heading in the parent's list of commands. Flags
  // are added to what is returned; their targets live as long as the tree (see options()).
  CLI::App& add(CLI::App& parent, const std::string& name, const std::string& section,
                Command command);

  // A struct of flag targets that lives as long as the tree.
  template <typename T>
  T& options() {
    auto made = std::make_shared<T>();
    owned_.push_back(made);
    return *made;
  }

  // `words` are the arguments without the program's name. Errors are of class usage.
  Outcome<Invocation> parse(const std::vector<std::string>& words, const Environment& environment);

  CLI::App& root() { return root_; }
  const CLI::App& root() const { return root_; }
  Settings& settings() { return settings_; }
  const Settings& settings() const { return settings_; }
  const Globals& globals() const { return globals_; }
  node::JoinOptions& join() { return join_; }
  const node::JoinOptions& join() const { return join_; }
  const Command& command(const CLI::App& app) const { return commands_.at(&app); }
  // `word` is none of the commands below `group`; names the nearest that is.
  Error unknown_command(const CLI::App& group, const std::string& word) const;

 private:
  // What is wrong with them is in the sources of settings().
  void apply_settings(const Environment& environment);
  using Words = std::vector<std::string>;  // as typed

  Error explain(const CLI::ParseError& error, const Words& words) const;
  Error explain_missing(const CLI::App& app) const;
  std::optional<Error> find_unknown_flag(const Words& words) const;
  Error unknown_flag(const CLI::App& app, const std::string& name) const;

  CLI::App root_;
  Settings settings_;
  Globals globals_;
  node::JoinOptions join_;
  std::map<const CLI::App*, Command> commands_;
  std::vector<std::shared_ptr<void>> owned_;
};

// The command that was parsed last on the way down from `app`.
const CLI::App& deepest(const CLI::App& app);
// "cipnode feed append"
std::string full_name(const CLI::App& app);

}  // namespace cip::cli
