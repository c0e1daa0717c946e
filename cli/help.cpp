#include "cli/help.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cip::cli {
namespace {

constexpr std::size_t kTextColumn = 27;
// On a narrow terminal the text of an entry stands below its name, so that it has the width.
constexpr std::size_t kNarrow = 60;
constexpr std::size_t kTextColumnBelow = 6;
constexpr std::size_t kLeastWidth = 20;
// Longer lines than this are hard to read, however wide the terminal.
constexpr std::size_t kMostWidth = 120;

// Characters, not bytes.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

// A paragraph word by word, at most `width` wide, later lines behind `indent` blanks.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = 0;
  for (const auto& word : CLI::detail::split(std::string(text), ' ')) {
    if (column > 0 && column + 1 + width_of(word) > width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width_of(word);
  }
  return out;
}

// `left` in the first column, `text` word by word in the second.
std::string entry(const std::string& left, const std::string& text, std::size_t width) {
  std::string out = "  " + left;
  std::size_t column = width_of(out);
  const auto text_column = width < kNarrow ? kTextColumnBelow : kTextColumn;
  const auto new_line = [&] {
    out += '\n' + std::string(text_column, ' ');
    column = text_column;
  };
  if (column + 2 > text_column) {
    new_line();
  } else {
    out += std::string(text_column - column, ' ');
    column = text_column;
  }
  for (const auto& word : CLI::detail::split(text, ' ')) {
    if (column > text_column && column + 1 + width_of(word) > width) new_line();
    if (column > text_column) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width_of(word);
  }
  return out + '\n';
}

bool repeats(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

std::string argument_usage(const CLI::Option& option) {
  const auto name = option.get_name() + (repeats(option) ? "..." : "");
  return option.get_required() ? name : "[" + name + "]";
}

std::string usage_line(const CLI::App& app, bool group) {
  std::string out = "Usage: " + full_name(app) + " [flags]";
  for (const auto* option : app.get_options()) {
    if (option->get_positional()) out += " " + argument_usage(*option);
  }
  if (app.get_subcommands(nullptr).empty()) return out;
  return out + (group ? " COMMAND" : " [COMMAND]");
}

// "-q, --quiet" or "    --home DIR"
std::string flag_names(const CLI::Option& option) {
  std::string out = "   ";
  if (!option.get_snames().empty()) out = "-" + option.get_snames().front();
  if (!option.get_lnames().empty()) {
    out += (option.get_snames().empty() ? " " : ", ") + ("--" + option.get_lnames().front());
  }
  const bool takes_value = option.get_items_expected_max() > 0;
  return takes_value ? out + " " + option.get_type_name() : out;
}

std::string flag_text(const CommandTree& tree, const CLI::Option& option,
                      const std::string& timeout) {
  auto standing_for = option.get_default_str();
  if (option.get_name() == "--timeout") standing_for = timeout;
  std::vector<std::string> notes;
  if (!standing_for.empty()) notes.push_back("default " + standing_for);
  if (tree.settings().has(&option)) {
    notes.push_back("env " + environment_name(option.get_lnames().front()));
  }
  const auto text = option.get_description();
  return notes.empty() ? text : fmt::format("{} [{}]", text, fmt::join(notes, ", "));
}

// Groups of flags in the order in which they were first added, from the command up to the root.
std::string flag_groups(const CommandTree& tree, const CLI::App& app, std::size_t width) {
  std::vector<std::pair<std::string, std::string>> groups;
  const auto& timeout = tree.command(app).timeout;
  for (const auto* at = &app; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      // Every command has -h; showing the root's is enough.
      const bool again = at->get_parent() != nullptr && option == at->get_help_ptr();
      if (option->get_positional() || option->get_group().empty() || again) continue;
      if (option->get_name() == "--timeout" && timeout.empty() && at != &app) continue;
      auto found = std::ranges::find(groups, option->get_group(),
                                     &std::pair<std::string, std::string>::first);
      if (found == groups.end()) found = groups.insert(found, {option->get_group(), ""});
      found->second += entry(flag_names(*option), flag_text(tree, *option, timeout), width);
    }
  }
  std::string out;
  for (const auto& [name, text] : groups) out += "\n" + name + ":\n" + text;
  return out;
}

std::string arguments(const CLI::App& app, std::size_t width) {
  std::string out;
  for (const auto* option : app.get_options()) {
    if (!option->get_positional()) continue;
    out += entry(option->get_name(), option->get_description(), width);
  }
  return out.empty() ? out : "\nArguments:\n" + out;
}

std::string commands(const CLI::App& app, std::size_t width) {
  std::vector<std::pair<std::string, std::string>> sections;
  for (const auto* sub : app.get_subcommands(nullptr)) {
    if (sub->get_group().empty()) continue;
    auto found =
        std::ranges::find(sections, sub->get_group(), &std::pair<std::string, std::string>::first);
    if (found == sections.end()) found = sections.insert(found, {sub->get_group(), ""});
    found->second += entry(sub->get_name(), sub->get_description(), width);
  }
  std::string out;
  for (const auto& [name, text] : sections) out += "\n" + name + ":\n" + text;
  return out;
}

std::string exit_codes(const Command& command, std::size_t width) {
  std::vector<ExitCode> codes = {ExitCode::ok, ExitCode::internal, ExitCode::usage};
  codes.insert(codes.end(), command.exits.begin(), command.exits.end());
  std::ranges::sort(codes);
  const auto again = std::ranges::unique(codes);
  codes.erase(again.begin(), again.end());
  std::string out = "\nExit codes:\n";
  for (const auto code : codes) {
    out += entry(fmt::format("{:<3} {}", static_cast<int>(code), class_name(code)),
                 std::string(meaning(code)), width);
  }
  return out + entry("130 signal", "stopped by SIGINT (SIGTERM: 143)", width);
}

}  // namespace

std::string help_text(const CommandTree& tree, const CLI::App& app, int columns) {
  const auto& command = tree.command(app);
  const bool group = !command.run;
  const auto width =
      std::clamp(static_cast<std::size_t>(std::max(columns, 0)), kLeastWidth, kMostWidth);
  std::string out = wrapped(command.purpose + ".", 0, width) + "\n";
  if (!command.details.empty()) out += "\n" + wrapped(command.details, 0, width) + "\n";
  out += "\n" + wrapped(usage_line(app, group), 4, width) + "\n";
  out += arguments(app, width) + commands(app, width) + flag_groups(tree, app, width);
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const auto& example : command.examples) out += "  " + example + "\n";
  if (!group) out += exit_codes(command, width);
  return out;
}

}  // namespace cip::cli
