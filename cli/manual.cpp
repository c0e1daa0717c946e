#include "cli/manual.hpp"

#include <algorithm>

namespace cip::cli {
namespace {

bool repeats(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

std::string argument_usage(const CLI::Option& option) {
  const auto name = option.get_name() + (repeats(option) ? "..." : "");
  return option.get_required() ? name : "[" + name + "]";
}

std::string usage_of(const CLI::App& app, bool group) {
  std::string out = full_name(app) + " [flags]";
  for (const auto* option : app.get_options()) {
    if (option->get_positional()) out += " " + argument_usage(*option);
  }
  if (app.get_subcommands(nullptr).empty()) return out;
  return out + (group ? " COMMAND" : " [COMMAND]");
}

// "-q, --quiet"
std::string flag_names(const CLI::Option& option) {
  std::string out;
  if (!option.get_snames().empty()) out = "-" + option.get_snames().front();
  if (option.get_lnames().empty()) return out;
  return out + (out.empty() ? "--" : ", --") + option.get_lnames().front();
}

ManualEntry flag_entry(const CommandTree& tree, const CLI::Option& option,
                       const std::string& timeout) {
  ManualEntry entry{.name = flag_names(option), .text = option.get_description()};
  if (option.get_items_expected_max() > 0) entry.value = option.get_type_name();
  const bool is_timeout = option.get_name() == "--timeout";
  entry.standing_for = is_timeout ? timeout : option.get_default_str();
  if (const auto* setting = tree.settings().find(&option)) {
    entry.variable = environment_name(setting->key);
  }
  return entry;
}

void add_to(std::vector<ManualGroup>& groups, const std::string& heading, ManualEntry entry) {
  auto found = std::ranges::find(groups, heading, &ManualGroup::heading);
  if (found == groups.end()) found = groups.insert(found, {heading, {}});
  found->entries.push_back(std::move(entry));
}

// In the order in which groups were first added, from the command up to the root.
std::vector<ManualGroup> flags_of(const CommandTree& tree, const CLI::App& app) {
  std::vector<ManualGroup> groups;
  const auto& timeout = tree.command(app).timeout;
  for (const auto* at = &app; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      // Every command has -h; showing the root's is enough.
      const bool again = at->get_parent() != nullptr && option == at->get_help_ptr();
      if (option->get_positional() || option->get_group().empty() || again) continue;
      if (option->get_name() == "--timeout" && timeout.empty() && at != &app) continue;
      add_to(groups, option->get_group(), flag_entry(tree, *option, timeout));
    }
  }
  return groups;
}

std::vector<ManualEntry> arguments_of(const CLI::App& app) {
  std::vector<ManualEntry> out;
  for (const auto* option : app.get_options()) {
    if (!option->get_positional()) continue;
    out.push_back({.name = option->get_name(), .text = option->get_description()});
  }
  return out;
}

std::vector<ManualGroup> commands_of(const CLI::App& app) {
  std::vector<ManualGroup> groups;
  for (const auto* sub : app.get_subcommands(nullptr)) {
    if (sub->get_group().empty()) continue;
    add_to(groups, sub->get_group(), {.name = sub->get_name(), .text = sub->get_description()});
  }
  return groups;
}

std::vector<ManualEntry> exits_of(const Command& command) {
  std::vector<ExitCode> codes = {ExitCode::ok, ExitCode::internal, ExitCode::usage};
  codes.insert(codes.end(), command.exits.begin(), command.exits.end());
  std::ranges::sort(codes);
  const auto again = std::ranges::unique(codes);
  codes.erase(again.begin(), again.end());
  std::vector<ManualEntry> out;
  for (const auto code : codes) {
    out.push_back({.name = std::to_string(static_cast<int>(code)),
                   .value = std::string(class_name(code)),
                   .text = std::string(meaning(code))});
  }
  out.push_back({.name = std::to_string(kInterrupted),
                 .value = "signal",
                 .text = "stopped by SIGINT (SIGTERM: " + std::to_string(kTerminated) + ")"});
  return out;
}

void collect(const CLI::App& app, std::vector<const CLI::App*>& out) {
  // What has no group is not shown.
  if (app.get_parent() != nullptr && app.get_group().empty()) return;
  out.push_back(&app);
  for (const auto* sub : app.get_subcommands(nullptr)) collect(*sub, out);
}

}  // namespace

Manual manual_of(const CommandTree& tree, const CLI::App& app) {
  const auto& command = tree.command(app);
  const bool group = !command.run;
  return {.name = full_name(app),
          .purpose = command.purpose,
          .details = command.details,
          .usage = usage_of(app, group),
          .arguments = arguments_of(app),
          .commands = commands_of(app),
          .flags = flags_of(tree, app),
          .examples = command.examples,
          .exits = group ? std::vector<ManualEntry>() : exits_of(command)};
}

std::vector<const CLI::App*> shown_commands(const CommandTree& tree) {
  std::vector<const CLI::App*> out;
  collect(tree.root(), out);
  return out;
}

}  // namespace cip::cli
