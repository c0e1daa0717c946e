#include "cli/pages/configuration_page.hpp"

#include <algorithm>

#include "cli/pages/markdown.hpp"

namespace cip::cli::pages {
namespace {

Paragraph paragraph(std::string_view text) { return {ticked(text)}; }

// "listen = "0.0.0.0:49737"": how the value of a flag is written.
Text value_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0)
    return literal("true") + plain(" or ") + literal("false");
  const auto one = emphasis(option.get_type_name());
  return option.get_delimiter() == '\0' ? one : plain("array of ") + one;
}

// The flags of all commands, those of a node, then those of each command that runs until a signal.
std::string heading_of(const Setting& setting) {
  const auto dot = setting.key.rfind('.');
  if (dot != std::string::npos) {
    auto command = setting.key.substr(0, dot);
    std::ranges::replace(command, '.', ' ');
    return "Keys of cipnode " + command;
  }
  return setting.option->get_group() == kNodeFlags ? "Keys of the node" : "Keys of every command";
}

Table empty_table() {
  return {{plain("key"), plain("value"), plain("default"), plain("variable"), plain("meaning")},
          {}};
}

std::vector<Text> row_of(const Setting& setting) {
  const auto& option = *setting.option;
  const auto standing = option.get_default_str();
  return {literal(setting.key), value_of(option), standing.empty() ? Text() : plain(standing),
          literal(environment_name(setting.key)), ticked(option.get_description())};
}

void add_keys(const Settings& settings, Document& out) {
  std::string heading;
  for (const auto& setting : settings.all()) {
    if (const auto next = heading_of(setting); next != heading) {
      heading = next;
      out.push_back(Heading{2, heading});
      out.push_back(empty_table());
    }
    std::get<Table>(out.back()).rows.push_back(row_of(setting));
  }
}

Document document_of(const CommandTree& tree) {
  Document out;
  out.push_back(paragraph(
      "Whatever a flag of `cipnode` says that holds for every command, for a node, or for a "
      "command "
      "that runs until a signal, can be said once and for all: in a file, or by the environment."));
  out.push_back(Heading{2, "Where a value comes from"});
  out.push_back(paragraph("The first of these that says something:"));
  out.push_back(List{
      true,
      {ticked("the flag, `--listen 127.0.0.1:0`"),
       ticked("the variable of the environment, `CIPNODE_LISTEN`; an empty one says nothing, "
              "several values stand between commas"),
       ticked("`config.toml` in the home: `$XDG_DATA_HOME/cipnode/config.toml`, or where `--home`, "
              "`CIPNODE_HOME` or the file of the user put the home"),
       ticked("`config.toml` of the user: `$XDG_CONFIG_HOME/cipnode/config.toml`, which is "
              "`~/.config/cipnode/config.toml` where that variable is not set"),
       ticked("the default")}});
  out.push_back(
      paragraph("`cipnode config show --origin` prints every key, its value and which of these it "
                "comes from. "
                "A node that runs keeps what it was started with."));
  out.push_back(Heading{2, "The file"});
  out.push_back(Code{{"# a node behind a port that is forwarded", "public = true",
                      "listen = \"0.0.0.0:49737\"", "quota = \"50G\"",
                      "bootstrap = [\"192.0.2.7:49737\", \"node.example:49737\"]",
                      "subscribe.since = \"last:10\""}});
  out.push_back(paragraph(
      "Lines of TOML: a key, `=`, and a string in quotes, a whole number, `true` or `false`, or an "
      "array of these, which may span lines (an empty one says nothing); `#` begins a comment. "
      "Tables, dates and floats are "
      "refused. So is a key that is not in this page, one that comes twice, and a value that the "
      "flag would refuse: the command ends with exit code 2 and names file and line."));
  out.push_back(paragraph(
      "`cipnode config check` says all that is wrong, `cipnode config check FILE` before a file is "
      "put in its place. Values are checked also where something else holds instead."));
  add_keys(tree.settings(), out);
  out.push_back(Heading{2, "What has no key"});
  out.push_back(paragraph(
      "The contacts that `cipnode join` takes as arguments: their key is `bootstrap`. `--detach` "
      "of "
      "`cipnode join`: a node that is started in the background is a `join` itself, and would go "
      "there again and again. Flags of commands that end by themselves."));
  return out;
}

}  // namespace

std::string configuration_text(const CommandTree& tree) {
  Document out = {Heading{1, "Configuration"},
                  paragraph("Written from the tree of commands; a unit test compares. "
                            "`CIP_UPDATE_GOLDEN=1 build/dev/bin/cip_unit_cli` writes it anew.")};
  const auto document = document_of(tree);
  out.insert(out.end(), document.begin(), document.end());
  return markdown_text(out);
}

std::string configuration_page(const CommandTree& tree, const Edition& edition) {
  Document out = {Heading{2, "Description"}};
  const auto document = document_of(tree);
  out.insert(out.end(), document.begin(), document.end());
  out.push_back(Heading{2, "See also"});
  out.push_back(Paragraph{literal("cipnode") + plain("(1), ") + literal("cipnode-config-show") +
                          plain("(1), ") + literal("cipnode-config-check") + plain("(1)")});
  return roff_page({.name = "cipnode-config",
                    .section = 5,
                    .summary = "settings of cipnode: config.toml and the environment"},
                   edition, out);
}

}  // namespace cip::cli::pages
