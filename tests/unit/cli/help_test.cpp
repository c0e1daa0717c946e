#include "cli/help.hpp"

#include <doctest/doctest.h>

#include "cli/application.hpp"
#include "tests/unit/cli/golden.hpp"

namespace cip::cli {

namespace {

void for_each_command(const CLI::App& app, const std::function<void(const CLI::App&)>& visit) {
  // What has no group is not shown.
  if (app.get_parent() != nullptr && app.get_group().empty()) return;
  visit(app);
  for (const auto* sub : app.get_subcommands(nullptr)) for_each_command(*sub, visit);
}

// The words of the cipnode command inside a line of shell, up to a pipe or redirection.
std::vector<std::string> words_of(std::string line) {
  const std::string substituted = "$(cipnode id)";
  if (const auto at = line.find(substituted); at != std::string::npos) {
    line.replace(at, substituted.size(), std::string(52, 'y'));
  }
  line = line.substr(line.find("cipnode ") + 8);
  std::vector<std::string> words(1);
  char quote = 0;
  for (const char letter : line) {
    if (quote == 0 && (letter == '|' || letter == '>')) break;
    if (letter == quote) {
      quote = 0;
    } else if (quote == 0 && (letter == '"' || letter == '\'')) {
      quote = letter;
    } else if (quote == 0 && letter == ' ') {
      words.emplace_back();
    } else {
      words.back().push_back(letter);
    }
  }
  std::erase(words, "");
  return words;
}

}  // namespace

TEST_CASE("the help of every command is as agreed") {
  CommandTree tree;
  add_all_commands(tree);
  for_each_command(tree.root(), [&](const CLI::App& app) {
    test::check_golden("help/" + full_name(app) + ".txt", help_text(tree, app));
  });
}

TEST_CASE("every command explains itself completely") {
  CommandTree tree;
  add_all_commands(tree);
  for_each_command(tree.root(), [&](const CLI::App& app) {
    const auto& command = tree.command(app);
    CAPTURE(full_name(app));
    CHECK_FALSE(command.purpose.empty());
    CHECK(command.purpose.find('\n') == std::string::npos);
    CHECK(command.purpose.size() <= 90);
    CHECK(command.examples.size() == 2);
    for (const auto* option : app.get_options()) {
      if (!option->get_group().empty()) CHECK_FALSE(option->get_description().empty());
    }
  });
}

TEST_CASE("help is as wide as its terminal, between bounds") {
  CommandTree tree;
  add_all_commands(tree);
  const auto widest = [&](const CLI::App& app, int columns) {
    const auto text = help_text(tree, app, columns);
    std::size_t most = 0;
    // Examples stay whole, so that they can be copied.
    bool is_example = false;
    for (const auto& line : CLI::detail::split(text, '\n')) {
      if (!line.starts_with(' ')) is_example = line == "Examples:";
      if (!is_example) most = std::max(most, line.size());
    }
    return most;
  };
  for_each_command(tree.root(), [&](const CLI::App& app) {
    CAPTURE(full_name(app));
    CHECK(widest(app, 80) <= 80);
    CHECK(widest(app, 60) <= 60);
    CHECK(widest(app, 40) <= 40);
    CHECK(widest(app, 300) <= 120);
  });
  CHECK(widest(tree.root(), 100) > 80);
}

TEST_CASE("the examples of help parse") {
  CommandTree all;
  add_all_commands(all);
  for_each_command(all.root(), [&](const CLI::App& app) {
    for (const auto& example : all.command(app).examples) {
      CAPTURE(example);
      CommandTree tree;
      add_all_commands(tree);
      const auto parsed = tree.parse(words_of(example), [](const auto&) { return std::nullopt; });
      CHECK_MESSAGE(parsed, (parsed ? "" : parsed.error().message));
    }
  });
}

}  // namespace cip::cli
