#include "cli/command_tree.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/suggest.hpp"

namespace cip::cli {
namespace {

// "feed append": the name without the program's, which every error begins with.
std::string short_name(const CLI::App& app) {
  const auto name = full_name(app);
  const auto blank = name.find(' ');
  return blank == std::string::npos ? name : name.substr(blank + 1);
}

// "publish: what is wrong"; what concerns no command stands alone.
std::string about(const CLI::App& app, const std::string& problem) {
  return app.get_parent() == nullptr ? problem : short_name(app) + ": " + problem;
}

std::string help_hint(const CLI::App& app) { return "see: " + full_name(app) + " --help"; }

// Behind it no word is a flag; it is none itself.
constexpr std::string_view kEndOfFlags = "--";

const std::string kVersionFlag = "--version";

bool looks_like_flag(const std::string& word) {
  return word.size() > 1 && word.front() == '-' && word != kEndOfFlags;
}

// Every flag that may stand behind this command, those of its parents too.
std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const auto* at = &app; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      if (option->get_group().empty()) continue;
      for (const auto& name : option->get_lnames()) flags.push_back("--" + name);
    }
  }
  // Another name of a command, which stands alone.
  if (app.get_parent() == nullptr) flags.push_back(kVersionFlag);
  return flags;
}

std::vector<std::string> command_names_of(const CLI::App& group) {
  std::vector<std::string> names;
  for (const auto* app : group.get_subcommands(nullptr)) {
    if (!app->get_group().empty()) names.push_back(app->get_name());
  }
  return names;
}

// The command of this name in a group below `root`, or an empty text.
std::string elsewhere(const CLI::App& root, const std::string& word) {
  for (const auto* group : root.get_subcommands(nullptr)) {
    for (const auto& name : command_names_of(*group)) {
      if (name == word) return full_name(*group) + " " + name;
    }
  }
  return {};
}

// The flag of this name that may stand behind the command, or nullptr.
const CLI::Option* find_flag(const CLI::App& app, const std::string& flag) {
  for (const auto* at = &app; at != nullptr; at = at->get_parent()) {
    if (const auto* option = at->get_option_no_throw(flag)) return option;
  }
  return nullptr;
}

bool has_flag_below(const CLI::App& group, const std::string& flag) {
  return std::ranges::any_of(group.get_subcommands(nullptr), [&](const CLI::App* app) {
    return app->get_option_no_throw(flag) != nullptr || has_flag_below(*app, flag);
  });
}

std::string name_of_flag(const std::string& word) { return word.substr(0, word.find('=')); }

struct Misnamed {
  const CLI::App* group = nullptr;
  std::string word;
};

// The first word in front of a command, or where one should stand, that is no flag there and no
// command. CLI11 would skip it and take a later word for the command.
std::optional<Misnamed> misnamed_command(const CLI::App& root,
                                         const std::vector<std::string>& words) {
  const auto* app = &root;
  for (std::size_t i = 0; i < words.size() && !app->get_subcommands(nullptr).empty(); ++i) {
    if (words[i] == kEndOfFlags) return std::nullopt;
    if (looks_like_flag(words[i])) {
      const auto name = name_of_flag(words[i]);
      const auto* flag = find_flag(*app, name);
      if (flag == nullptr && name.starts_with("--") && name.size() > 2) return Misnamed{app, name};
      if (flag != nullptr && name == words[i] && flag->get_items_expected_max() > 0) ++i;
      continue;
    }
    const auto below = app->get_subcommands(
        [&](const CLI::App* command) { return command->check_name(words[i]); });
    if (below.empty()) return Misnamed{app, words[i]};
    app = below.front();
  }
  return std::nullopt;
}

}  // namespace

const CLI::App& deepest(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : deepest(*chosen.back());
}

std::string full_name(const CLI::App& app) {
  if (app.get_parent() == nullptr) return app.get_name();
  return full_name(*app.get_parent()) + " " + app.get_name();
}

CommandTree::CommandTree() : root_("", "cipnode") {
  root_.fallthrough();
  root_.set_help_flag("-h,--help", "Print this help")->group(kGlobalFlags);
  root_.require_subcommand(1);
  add_global_flags(root_, settings_, globals_);
  commands_[&root_] = Command{
      .purpose = "A peer-to-peer node: find peers by key, replicate feeds, publish and subscribe",
      .examples = {"cipnode join", "cipnode find \"$(cipnode id)\""},
      .run = {}};
}

CLI::App& CommandTree::add(CLI::App& parent, const std::string& name, const std::string& section,
                           Command command) {
  auto& app = *parent.add_subcommand(name, command.purpose)->group(section);
  if (!command.run) app.require_subcommand(1);
  commands_[&app] = std::move(command);
  return app;
}

Outcome<Invocation> CommandTree::parse(const std::vector<std::string>& words,
                                       const Environment& environment) {
  if (const auto wrong = misnamed_command(root_, words)) {
    return tl::unexpected(looks_like_flag(wrong->word)
                              ? unknown_flag(*wrong->group, wrong->word)
                              : unknown_command(*wrong->group, wrong->word));
  }
  try {
    // CLI11 takes its words from the back.
    root_.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    return Invocation{&deepest(root_), true};
  } catch (const BadValue& bad) {
    // The value may be that of a misspelt flag.
    if (auto wrong = find_unknown_flag(words)) return tl::unexpected(std::move(*wrong));
    return usage_error(bad.what(), help_hint(deepest(root_)));
  } catch (const CLI::ParseError& error) {
    if (words.empty()) return Invocation{&root_, true};
    return tl::unexpected(explain(error, words));
  }
  apply_settings(environment);
  const auto& app = deepest(root_);
  if (auto problem = settings_.first_problem(); problem && !commands_.at(&app).bad_settings) {
    return tl::unexpected(std::move(*problem));
  }
  return Invocation{&app, false};
}

void CommandTree::apply_settings(const Environment& environment) {
  settings_.set_typed_aside();
  const auto user_file = user_config_file(environment);
  settings_.apply_config_file(user_file, false);
  // Which home it is, before the file in it is read.
  if (const auto home = environment(environment_name("home"))) globals_.home = *home;
  if (const auto* home = settings_.typed("home")) globals_.home = home->back();
  if (const auto home = home_of(globals_); !home.empty()) {
    settings_.apply_config_file(home / "config.toml", true);
  }
  settings_.apply_environment(environment);
  settings_.apply_typed();
}

Error CommandTree::explain(const CLI::ParseError& error, const Words& words) const {
  const auto& app = deepest(root_);
  if (auto wrong = find_unknown_flag(words)) return *wrong;
  auto left = root_.remaining(true);
  if (const auto end = std::ranges::find(left, kEndOfFlags); end != left.end()) left.erase(end);
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) return explain_missing(app);
  if (!left.empty()) {
    return {ExitCode::usage, about(app, fmt::format("unexpected argument '{}'", left.front())),
            help_hint(app)};
  }
  return {ExitCode::usage, error.what(), help_hint(app)};
}

Error CommandTree::explain_missing(const CLI::App& app) const {
  if (!commands_.at(&app).run) {
    return {ExitCode::usage, short_name(app) + " needs a command",
            fmt::format("one of: {}", fmt::join(command_names_of(app), ", "))};
  }
  for (const auto* option : app.get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    return {ExitCode::usage, fmt::format("{} needs {}", short_name(app), option->get_name()),
            help_hint(app)};
  }
  return {ExitCode::usage, short_name(app) + " needs more arguments", help_hint(app)};
}

std::optional<Error> CommandTree::find_unknown_flag(const Words& words) const {
  const auto left = root_.remaining(true);
  // CLI11 does not always keep "--" among what is left, so what stood behind it is looked up.
  const auto end = std::ranges::find(words, kEndOfFlags);
  const auto flag = std::ranges::find_if(left, [&](const std::string& word) {
    return looks_like_flag(word) && std::find(end, words.end(), word) == words.end();
  });
  if (flag == left.end()) return std::nullopt;
  return unknown_flag(deepest(root_), name_of_flag(*flag));
}

Error CommandTree::unknown_flag(const CLI::App& app, const std::string& name) const {
  if (has_flag_below(app, name)) {
    return {ExitCode::usage, about(app, fmt::format("'{}' is a flag of a command", name)),
            "write it behind the command"};
  }
  if (name == kVersionFlag) {
    return {ExitCode::usage, about(app, "'--version' stands alone"), "see: cipnode version"};
  }
  const auto close = nearest(name, flags_of(app));
  return {ExitCode::usage, about(app, fmt::format("unknown flag '{}'", name)),
          close.empty() ? help_hint(app) : fmt::format("did you mean '{}'?", close)};
}

Error CommandTree::unknown_command(const CLI::App& group, const std::string& word) const {
  const auto close = nearest(word, command_names_of(group));
  const bool top = group.get_parent() == nullptr;
  const auto typed = top ? word : short_name(group) + " " + word;
  auto hint = close.empty() ? std::string() : full_name(group) + " " + close;
  // A word of a group, without the group: "cipnode append".
  if (hint.empty() && top && !is_destructive(word)) hint = elsewhere(group, word);
  return {ExitCode::usage, fmt::format("unknown command '{}'", typed),
          hint.empty() ? help_hint(group) : fmt::format("did you mean '{}'?", hint)};
}

}  // namespace cip::cli
