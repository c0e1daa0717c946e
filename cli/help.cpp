#include "cli/help.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/manual.hpp"
#include "cli/render.hpp"

namespace cip::cli {
namespace {

constexpr std::size_t kTextColumn = 27;
// On a narrow terminal the text of an entry stands below its name, so that it has the width.
constexpr std::size_t kNarrow = 60;
constexpr std::size_t kTextColumnBelow = 6;
constexpr std::size_t kLeastWidth = 20;
// Longer lines than this are hard to read, however wide the terminal.
constexpr std::size_t kMostWidth = 120;

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

std::size_t text_column_of(std::size_t width) {
  return width < kNarrow ? kTextColumnBelow : kTextColumn;
}

// `left` in the first column, `text` word by word in the second.
std::string entry(const std::string& left, const std::string& text, std::size_t width) {
  std::string out = "  " + left;
  std::size_t column = width_of(out);
  const auto text_column = text_column_of(width);
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

// "-q, --quiet" or "    --home DIR": long names stand below each other.
std::string flag_column(const ManualEntry& flag) {
  std::string out = flag.name.starts_with("--") ? "    " + flag.name : flag.name;
  return flag.value.empty() ? out : out + " " + flag.value;
}

std::string flag_text(const ManualEntry& flag, std::size_t width) {
  std::vector<std::string> notes;
  if (!flag.standing_for.empty()) notes.push_back("default " + flag.standing_for);
  // The longest names do not fit on the narrowest terminals.
  const bool fits = text_column_of(width) + flag.variable.size() < width;
  if (!flag.variable.empty() && fits) notes.push_back("env " + flag.variable);
  return notes.empty() ? flag.text : fmt::format("{} [{}]", flag.text, fmt::join(notes, ", "));
}

std::string flags(const Manual& manual, std::size_t width) {
  std::string out;
  for (const auto& [heading, entries] : manual.flags) {
    out += "\n" + heading + ":\n";
    for (const auto& flag : entries) out += entry(flag_column(flag), flag_text(flag, width), width);
  }
  return out;
}

std::string arguments(const Manual& manual, std::size_t width) {
  std::string out = manual.arguments.empty() ? "" : "\nArguments:\n";
  for (const auto& argument : manual.arguments) out += entry(argument.name, argument.text, width);
  return out;
}

std::string commands(const Manual& manual, std::size_t width) {
  std::string out;
  for (const auto& [heading, entries] : manual.commands) {
    out += "\n" + heading + ":\n";
    for (const auto& command : entries) out += entry(command.name, command.text, width);
  }
  return out;
}

std::string exit_codes(const Manual& manual, std::size_t width) {
  std::string out = manual.exits.empty() ? "" : "\nExit codes:\n";
  for (const auto& code : manual.exits) {
    out += entry(fmt::format("{:<3} {}", code.name, code.value), code.text, width);
  }
  return out;
}

}  // namespace

std::string help_text(const CommandTree& tree, const CLI::App& app, int columns) {
  const auto manual = manual_of(tree, app);
  const auto width =
      std::clamp(static_cast<std::size_t>(std::max(columns, 0)), kLeastWidth, kMostWidth);
  std::string out = wrapped(manual.purpose + ".", 0, width) + "\n";
  if (!manual.details.empty()) out += "\n" + wrapped(manual.details, 0, width) + "\n";
  out += "\n" + wrapped("Usage: " + manual.usage, 4, width) + "\n";
  out += arguments(manual, width) + commands(manual, width) + flags(manual, width);
  if (!manual.examples.empty()) out += "\nExamples:\n";
  for (const auto& example : manual.examples) out += "  " + example + "\n";
  return out + exit_codes(manual, width);
}

}  // namespace cip::cli
