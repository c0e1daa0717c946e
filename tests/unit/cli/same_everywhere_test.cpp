// Commands and flags are said in four places: help, pages of the manual, completion, configuration.
// None of them has one that another lacks.

#include <doctest/doctest.h>

#include <regex>
#include <set>

#include "cli/application.hpp"
#include "cli/completion.hpp"
#include "cli/help.hpp"
#include "cli/pages/command_page.hpp"

namespace cip::cli {

namespace {

using Names = std::set<std::string>;

struct Tree : CommandTree {
  Tree() { add_all_commands(*this); }
};

// Every first group of `pattern` in a text.
Names found_in(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  Names out;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    out.insert(at->str(1));
  }
  return out;
}

// Names are read from the first column of a text, not from sentences.
Names flags_in_help(const std::string& text) {
  return found_in(text, "(?:^|\n)  (?:-\\w, |    )(--[\\w-]+)");
}

Names flags_in_page(std::string page) {
  page = std::regex_replace(page, std::regex("\\\\-"), "-");
  return found_in(page, "\\.TP\n\\\\fB(?:-\\w, )?(--[\\w-]+)");
}

Names flags_of_tree(const CLI::App& app) {
  Names out;
  for (const auto* at = &app; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      if (option->get_positional() || option->get_group().empty()) continue;
      for (const auto& name : option->get_lnames()) out.insert("--" + name);
    }
  }
  return out;
}

std::vector<std::string> words_of(const CLI::App& app) {
  auto words = CLI::detail::split(full_name(app), ' ');
  words.erase(words.begin());
  return words;
}

Names completed(const CommandTree& tree, const CLI::App& app, const std::string& typed) {
  auto words = words_of(app);
  words.push_back(typed);
  Names out;
  for (const auto& completion : complete(tree, words).words) out.insert(completion.word);
  return out;
}

}  // namespace

TEST_CASE("a command has the same flags in help, page and completion") {
  const Tree tree;
  for (const auto* app : shown_commands(tree)) {
    CAPTURE(full_name(*app));
    const auto help = flags_in_help(help_text(tree, *app));
    REQUIRE(help.size() > 5);
    CHECK(help == flags_in_page(pages::command_page(tree, *app, {})));
    auto typed = completed(tree, *app, "--");
    auto known = flags_of_tree(*app);
    CHECK(typed == known);
    // Help of a command that never waits leaves --timeout out, which it takes like all.
    known.erase("--timeout");
    CHECK_MESSAGE(std::ranges::includes(help, known), "help lacks a flag of the tree");
    CHECK_MESSAGE(std::ranges::includes(typed, help), "help has a flag that does not complete");
  }
}

TEST_CASE("a group has the same commands in tree, help, page and completion") {
  const Tree tree;
  for (const auto* app : shown_commands(tree)) {
    CAPTURE(full_name(*app));
    Names known;
    for (const auto* sub : app->get_subcommands(nullptr)) {
      if (!sub->get_group().empty()) known.insert(sub->get_name());
    }
    const auto help = help_text(tree, *app);
    const auto commands = help.substr(0, help.find("\n  -h, --help"));
    auto page = pages::command_page(tree, *app, {});
    page = page.substr(0, page.find(".SH \"OPTIONS\""));
    page = std::regex_replace(page, std::regex("\\\\-"), "-");
    const auto prefix = pages::page_name(*app) + "-";
    CHECK(found_in(page, (prefix + "(\\w+)\\\\fR\\(1\\)").c_str()) == known);
    if (known.empty()) continue;
    CHECK(found_in(commands, "\n  ([a-z]+)  ") == known);
    auto typed = completed(tree, *app, "");
    // A group that is a command too may take an argument, which is none of its commands.
    CHECK(std::ranges::includes(typed, known));
    CHECK(typed.size() == known.size());
  }
}

TEST_CASE("every page that a page names is there") {
  const Tree tree;
  Names pages = {"cipnode-config", "cipnode-protocol"};
  for (const auto* app : shown_commands(tree)) pages.insert(pages::page_name(*app));
  for (const auto* app : shown_commands(tree)) {
    auto page = pages::command_page(tree, *app, {});
    page = std::regex_replace(page, std::regex("\\\\-"), "-");
    for (const auto& name : found_in(page, "(cipnode[\\w-]*)\\\\fR\\([157]\\)")) {
      CAPTURE(name);
      CHECK(pages.contains(name));
    }
  }
}

}  // namespace cip::cli
