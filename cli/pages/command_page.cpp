#include "cli/pages/command_page.hpp"

#include <algorithm>
#include <cctype>

namespace cip::cli::pages {
namespace {

Text reference(const std::string& page, int section) {
  return literal(page) + plain("(" + std::to_string(section) + ")");
}

std::string in_lower_case(std::string text) {
  text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
  return text;
}

// "cipnode feed append [flags] NAME": the command as one types it, the rest to be filled in.
Text synopsis(const Manual& manual) {
  return literal(manual.name) + emphasis(manual.usage.substr(manual.name.size()));
}

Text flag_name(const ManualEntry& flag) {
  return flag.value.empty() ? literal(flag.name)
                            : literal(flag.name) + plain(" ") + emphasis(flag.value);
}

std::string sentence(std::string text) { return text + "."; }

Terms::Term flag_term(const ManualEntry& flag) {
  Terms::Term term{flag_name(flag), {ticked(sentence(flag.text))}};
  if (!flag.standing_for.empty()) term.lines.push_back(plain("Default: " + flag.standing_for));
  if (!flag.variable.empty()) {
    term.lines.push_back(plain("Environment: ") + literal(flag.variable));
  }
  return term;
}

void add_arguments(const Manual& manual, Document& out) {
  if (manual.arguments.empty()) return;
  Terms terms;
  for (const auto& argument : manual.arguments) {
    terms.terms.push_back({emphasis(argument.name), {ticked(sentence(argument.text))}});
  }
  out.push_back(Heading{2, "Arguments"});
  out.push_back(terms);
}

void add_commands(const Manual& manual, const std::string& page, Document& out) {
  if (manual.commands.empty()) return;
  out.push_back(Heading{2, "Commands"});
  for (const auto& [heading, entries] : manual.commands) {
    if (manual.commands.size() > 1) out.push_back(Heading{3, heading});
    Terms terms;
    for (const auto& command : entries) {
      terms.terms.push_back(
          {reference(page + "-" + command.name, 1), {ticked(sentence(command.text))}});
    }
    out.push_back(terms);
  }
}

void add_flags(const Manual& manual, Document& out) {
  out.push_back(Heading{2, "Options"});
  for (const auto& [heading, entries] : manual.flags) {
    if (heading != kCommandFlags) out.push_back(Heading{3, heading});
    Terms terms;
    for (const auto& flag : entries) terms.terms.push_back(flag_term(flag));
    out.push_back(terms);
  }
}

void add_exits(const Manual& manual, Document& out) {
  if (manual.exits.empty()) return;
  out.push_back(Heading{2, "Exit status"});
  Terms terms;
  for (const auto& code : manual.exits) {
    terms.terms.push_back(
        {literal(code.name), {emphasis(code.value) + plain(": " + sentence(code.text))}});
  }
  out.push_back(terms);
}

void add_examples(const Manual& manual, Document& out) {
  if (manual.examples.empty()) return;
  out.push_back(Heading{2, "Examples"});
  out.push_back(Code{manual.examples});
}

void add_relations(const CLI::App& app, Document& out) {
  std::vector<Text> pages;
  if (const auto* group = app.get_parent(); group != nullptr) {
    pages.push_back(reference(page_name(*group), 1));
    for (const auto* other : group->get_subcommands(nullptr)) {
      const bool beside = group->get_parent() != nullptr && other != &app;
      if (beside && !other->get_group().empty()) pages.push_back(reference(page_name(*other), 1));
    }
  }
  pages.push_back(reference("cipnode-config", 5));
  pages.push_back(reference("cipnode-protocol", 7));
  Text line;
  for (const auto& page : pages) line = line + (line.empty() ? Text() : plain(", ")) + page;
  out.push_back(Heading{2, "See also"});
  out.push_back(Paragraph{line});
}

}  // namespace

std::string page_name(const CLI::App& app) {
  auto name = full_name(app);
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string command_page(const CommandTree& tree, const CLI::App& app, const Edition& edition) {
  const auto manual = manual_of(tree, app);
  const auto page = page_name(app);
  Document out;
  out.push_back(Heading{2, "Synopsis"});
  out.push_back(Paragraph{synopsis(manual)});
  out.push_back(Heading{2, "Description"});
  out.push_back(Paragraph{ticked(sentence(manual.purpose))});
  if (!manual.details.empty()) out.push_back(Paragraph{ticked(manual.details)});
  add_arguments(manual, out);
  add_commands(manual, page, out);
  add_flags(manual, out);
  add_exits(manual, out);
  add_examples(manual, out);
  add_relations(app, out);
  return roff_page({.name = page, .section = 1, .summary = in_lower_case(manual.purpose)}, edition,
                   out);
}

}  // namespace cip::cli::pages
