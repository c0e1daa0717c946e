// No hint, help text or document names a command or a flag that does not exist.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "cli/application.hpp"

namespace cip::cli {

namespace {

namespace fs = std::filesystem;

std::string text_of_file(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

std::vector<fs::path> sources() {
  std::vector<fs::path> out;
  for (const auto* folder : {"cli", "node"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(CIP_SOURCES) / folder)) {
      if (entry.path().extension() == ".cpp") out.push_back(entry.path());
    }
  }
  return out;
}

// The string literals of a source, those that continue each other in one.
std::vector<std::string> literals(const fs::path& path) {
  auto text = text_of_file(path);
  text = std::regex_replace(text, std::regex("//[^\n]*"), "");
  text = std::regex_replace(text, std::regex("\"\\s*\n\\s*\""), "");
  static const std::regex kLiteral("\"((?:[^\"\\\\\n]|\\\\.)*)\"");
  std::vector<std::string> out;
  for (std::sregex_iterator at(text.begin(), text.end(), kLiteral), end; at != end; ++at) {
    out.push_back((*at)[1]);
  }
  return out;
}

const CLI::App* below(const CLI::App& app, const std::string& word) {
  for (const auto* sub : app.get_subcommands(nullptr)) {
    if (sub->get_name() == word) return sub;
  }
  return nullptr;
}

std::set<std::string> all_flags(const CLI::App& app) {
  std::set<std::string> out;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) out.insert("--" + name);
  }
  for (const auto* sub : app.get_subcommands(nullptr)) out.merge(all_flags(*sub));
  return out;
}

// The first word of a command line that should be a command and is none, or an empty text.
std::string wrong_command(const CLI::App& root, std::string line) {
  static const std::regex kGlobal("^(--[a-z-]+( [A-Z]+| \\./[a-z]+)? )+");
  line = std::regex_replace(line, kGlobal, "");
  const CLI::App* app = &root;
  static const std::regex kWord("^([a-z_]+)(?![a-z_=:/.-])");
  for (std::smatch found; std::regex_search(line, found, kWord);) {
    const auto* next = below(*app, found[1]);
    if (next == nullptr) return app == &root ? found[1].str() : std::string();
    app = next;
    line = found.suffix();
    if (!line.starts_with(' ') || app->get_subcommands(nullptr).empty()) return {};
    line.erase(0, 1);
  }
  return {};
}

}  // namespace

TEST_CASE("every command that a message or help names is there") {
  CommandTree tree;
  add_all_commands(tree);
  std::size_t checked = 0;
  for (const auto& path : sources()) {
    for (const auto& literal : literals(path)) {
      for (auto at = literal.find("cipnode "); at != std::string::npos;
           at = literal.find("cipnode ", at + 1)) {
        const auto line = literal.substr(at + 8);
        CAPTURE(path.string());
        CAPTURE(line);
        CHECK(wrong_command(tree.root(), line) == "");
        ++checked;
      }
    }
  }
  CHECK(checked > 50);
}

TEST_CASE("every flag that a message or help names is there") {
  CommandTree tree;
  add_all_commands(tree);
  const auto flags = all_flags(tree.root());
  static const std::regex kFlag("(^|[ (\"'])(--[a-z][a-z-]*)");
  std::size_t checked = 0;
  for (const auto& path : sources()) {
    for (const auto& literal : literals(path)) {
      for (std::sregex_iterator at(literal.begin(), literal.end(), kFlag), end; at != end; ++at) {
        CAPTURE(path.string());
        CAPTURE(literal);
        const auto flag = (*at)[2].str();
        CHECK_MESSAGE((flags.contains(flag) || flag == "--version" || flag == "--symmetric" ||
                       flag == "--decrypt"),
                      flag);
        ++checked;
      }
    }
  }
  CHECK(checked > 50);
}

TEST_CASE("a command that does not exist is noticed") {
  CommandTree tree;
  add_all_commands(tree);
  CHECK(wrong_command(tree.root(), "frobnicate NAME") == "frobnicate");
  CHECK(wrong_command(tree.root(), "feed ls") == "");
  CHECK(wrong_command(tree.root(), "--home DIR id import FILE") == "");
}

}  // namespace cip::cli
