// cipnode config: what the settings are and where each comes from; what is wrong with them.

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/application.hpp"
#include "cli/flags.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

// ---- show

struct ShowFlags {
  bool origin = false;
};

// What holds, as one would write it into config.toml; null: nothing does.
Json value_of(const Setting& setting, const Globals& globals) {
  const auto& option = *setting.option;
  if (setting.key == "home") return home_of(globals).string();
  if (is_switch(option)) {
    return option.count() > 0 && parse_switch(option.results().back()).value_or(false);
  }
  if (option.get_delimiter() != '\0') return option.results();
  if (option.count() > 0) return option.results().back();
  const auto standing = option.get_default_str();
  return standing.empty() ? Json() : Json(standing);
}

Json show_object(const Setting& setting, const Globals& globals) {
  Json out = {{"key", setting.key}, {"value", value_of(setting, globals)}};
  switch (setting.origin.kind) {
    case Origin::Kind::standing:
      out["origin"] = "default";
      break;
    case Origin::Kind::file:
      out["origin"] = "file";
      out["file"] = setting.origin.file;
      out["line"] = setting.origin.line;
      break;
    case Origin::Kind::environment:
      out["origin"] = "environment";
      out["variable"] = environment_name(setting.key);
      break;
    case Origin::Kind::flag:
      out["origin"] = "flag";
      break;
  }
  return out;
}

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "-";
  if (!value.is_array()) return json_line(value);
  std::vector<std::string> parts;
  for (const auto& part : value) parts.push_back(part.get<std::string>());
  return parts.empty() ? "-" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string origin_text(const Json& shown) {
  const auto kind = text_of(shown, "origin");
  if (kind == "file") {
    return fmt::format("{}, line {}", text_of(shown, "file"), count_of(shown, "line"));
  }
  return kind == "environment" ? text_of(shown, "variable") : kind;
}

int show(Context& context, const CommandTree& tree, const ShowFlags& flags) {
  auto headings = std::vector<std::string>{"key", "value"};
  if (flags.origin) headings.emplace_back("origin");
  Table table(headings);
  for (const auto& setting : tree.settings().all()) {
    const auto shown = show_object(setting, context.globals);
    if (context.globals.json) {
      context.console.out_line(json_line(shown));
      continue;
    }
    std::vector<std::string> cells = {setting.key, value_text(shown["value"])};
    if (flags.origin) cells.push_back(origin_text(shown));
    table.add(cells);
  }
  if (!context.globals.json) context.console.write_out(table.text(context.style()));
  return 0;
}

// ---- check

Json check_object(const SettingsSource& source) {
  Json problems = Json::array();
  for (const auto& [line, error] : source.problems) {
    problems.push_back({{"line", line > 0 ? Json(line) : Json()},
                        {"message", error.message},
                        {"hint", error.hint}});
  }
  return {{"source", source.file.empty() ? "environment" : "file"},
          {"file", source.file.empty() ? Json() : Json(source.file.string())},
          {"exists", source.exists},
          {"ok", problems.empty()},
          {"settings", source.settings},
          {"problems", problems}};
}

std::vector<std::string> check_lines(const SettingsSource& source) {
  std::vector<std::string> out;
  for (const auto& [line, error] : source.problems) {
    out.push_back(
        fmt::format("fail  {}{}", error.message, error.hint.empty() ? "" : "; " + error.hint));
  }
  if (!out.empty()) return out;
  const auto name = source.file.empty() ? "the environment" : source.file.string();
  return {fmt::format("ok    {}: {}", name,
                      source.exists ? plural(source.settings, "setting") : "no such file")};
}

int print_checks(Context& context, const std::vector<SettingsSource>& sources) {
  auto code = ExitCode::ok;
  for (const auto& source : sources) {
    if (code == ExitCode::ok && !source.problems.empty()) code = source.problems[0].error.code;
    if (context.globals.json) {
      context.console.out_line(json_line(check_object(source)));
      continue;
    }
    for (const auto& line : check_lines(source)) {
      context.console.out_line(context.style().escape ? escape_for_terminal(line) : line);
    }
  }
  return static_cast<int>(code);
}

// A file that is not in its place yet, by itself.
int check_file(Context& context, const std::string& file) {
  CommandTree tree;
  add_all_commands(tree);
  tree.settings().apply_config_file(file, false);
  const auto& sources = tree.settings().sources();
  if (!sources.front().exists) {
    return report(context, {ExitCode::usage, fmt::format("there is no file '{}'", file),
                            "name a file to check, or none for those that are in their place"});
  }
  return print_checks(context, sources);
}

// ---- reload

void add_changes(Table& table, const Json& changes, const char* since) {
  for (const auto& change : changes) {
    table.add({text_of(change, "key"), value_text(change.value("from", Json())),
               value_text(change.value("to", Json())), since});
  }
}

std::string reload_text(const Json& object, Style style) {
  const auto now = object.value("atOnce", Json::array());
  const auto later = object.value("atNextStart", Json::array());
  if (now.empty() && later.empty()) return "nothing has changed\n";
  Table table({"key", "was", "is", "holds"});
  add_changes(table, now, "from now on");
  add_changes(table, later, "from the next start on");
  return table.text(style);
}

int reload(Context& context) {
  TextPrinter printer(context,
                      [&](const Json& object) { return reload_text(object, context.style()); });
  return run(context, node::Request{"config.reload"}, printer);
}

}  // namespace

void add_config_commands(CommandTree& tree) {
  auto& config = tree.add(
      tree.root(), "config", "Node",
      {.purpose = "Settings: what they are, where each comes from, what is wrong with them",
       .details = "Flags that are not given are read from the environment, config.toml of the home "
                  "and config.toml of the user, in this order.",
       .examples = {"cipnode config show --origin", "cipnode config check"},
       .run = {}});
  auto& flags = tree.options<ShowFlags>();
  auto& shown = tree.add(
      config, "show", "Commands",
      {.purpose = "Print every setting and its value",
       .examples = {"cipnode config show --origin", "cipnode config show --json | jq -r .key"},
       .run = [&tree, &flags](Context& context) { return show(context, tree, flags); }});
  add_switch(shown, "--origin", flags.origin,
             "Say where each comes from: default, file with line, variable or flag")
      ->group(kCommandFlags);

  tree.add(config, "reload", "Commands",
           {.purpose = "Let the running node ask its settings again",
            .details = "quota, log and idle-exit hold at once, feeds to seed and contacts that are "
                       "new are taken up; other changes are named and hold from the next start. "
                       "What was typed when the node was started holds on. A setting that is wrong "
                       "is named with its place, and nothing changes.",
            .timeout = default_timeout("config.reload"),
            .examples = {"cipnode config reload", "cipnode config reload --json"},
            .exits = exits_of("config.reload"),
            .run = [](Context& context) { return reload(context); }});

  auto& file = tree.options<std::string>();
  auto& check = tree.add(
      config, "check", "Commands",
      {.purpose = "Say what is wrong with the settings, each mistake with its file and line",
       .details = "Without FILE those of the user, of the home and of the environment are checked, "
                  "also where a flag holds instead.",
       .examples = {"cipnode config check", "cipnode config check ./config.toml --json"},
       .bad_settings = true,
       .run = [&tree, &file](Context& context) {
         return file.empty() ? print_checks(context, tree.settings().sources())
                             : check_file(context, file);
       }});
  add_value(check, "FILE", file, parse_text, "", "A file that is not in its place yet");
}

}  // namespace cip::cli
