// cipnode backup and restore: a home into a folder, and a home of such a folder.

#include <fmt/format.h>

#include <filesystem>

#include "cli/application.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

std::string absolute_name(const std::string& folder) {
  std::error_code error;
  const auto whole = std::filesystem::absolute(folder, error);
  return error ? folder : whole.string();
}

// ---- backup

int backup(Context& context, const std::string& folder) {
  TextPrinter printer(context, [](const Json& done) {
    return fmt::format("backed up {} in {} to {}\n", bytes_text(number_of(done, "bytes")),
                       plural(count_of(done, "files"), "file"), text_of(done, "dir"));
  });
  const int code = run(context, {"backup", {{"dir", absolute_name(folder)}}}, printer);
  if (code != 0) return code;
  print_notice(context, "whoever has this folder can be this node: keep it closed");
  return report_unwritten(context, fmt::format("the backup {} is whole", folder),
                          "use it, or delete it like any folder");
}

void add_backup(CommandTree& tree) {
  auto& folder = tree.options<std::string>();
  auto& app = tree.add(
      tree.root(), "backup", "Node",
      {.purpose = "Copy this home, with its secrets and all feeds, while its node runs",
       .details = "The copy is one moment of the home: identity, settings and the database with "
                  "feeds, names, keys and topics. It is there once it is whole; a backup that was "
                  "cut off leaves nothing, or a folder without a manifest, which is none. cipnode "
                  "restore makes a home of it.",
       .timeout = default_timeout("backup"),
       .examples = {"cipnode backup /mnt/disk/node-monday",
                    "cipnode backup ./copy --json | jq .bytes"},
       .exits = exits_of(
           "backup", {ExitCode::not_found, ExitCode::full, ExitCode::conflict, ExitCode::corrupt}),
       .run = [&folder](Context& context) { return backup(context, folder); }});
  add_value(app, "DIR", folder, parse_text, "",
            "A new folder for the copy: must not exist, or be empty")
      ->required();
}

// ---- restore

std::string restored_text(const Json& done) {
  return fmt::format("restored {} in {} into {}\n", bytes_text(number_of(done, "bytes")),
                     plural(count_of(done, "files"), "file"), text_of(done, "home"));
}

int restore(Context& context, const std::string& folder) {
  TextPrinter printer(context, restored_text);
  const int code = run(context, {"restore", {{"dir", absolute_name(folder)}}}, printer);
  if (code != 0) return code;
  print_notice(context,
               "never run the home that this is a copy of again: two homes with one identity write "
               "two histories");
  print_notice(context,
               "the first append to each own feed, and the first message to each topic, asks those "
               "who have it how far it went since");
  return report_unwritten(context, "the home is restored", "use it; a second restore is refused");
}

void add_restore(CommandTree& tree) {
  auto& folder = tree.options<std::string>();
  auto& app = tree.add(
      tree.root(), "restore", "Node",
      {.purpose = "Make a home of what cipnode backup wrote",
       .details =
           "Everything is checked against the manifest of the backup before any of it takes its "
           "place. Own feeds may have grown since the backup: the first append to each is done "
           "once somebody who has the feed answered how long it is, or with --assume-latest.",
       .examples = {"cipnode --home ./new restore /mnt/disk/node-monday",
                    "cipnode --home ./new --json restore ./copy | jq .feeds"},
       .exits = {ExitCode::refused, ExitCode::busy, ExitCode::incompatible, ExitCode::full,
                 ExitCode::conflict, ExitCode::corrupt},
       .run = [&folder](Context& context) { return restore(context, folder); }});
  add_value(app, "DIR", folder, parse_text, "", "The folder of a backup")->required();
}

}  // namespace

void add_backup_commands(CommandTree& tree) {
  add_backup(tree);
  add_restore(tree);
}

}  // namespace cip::cli
