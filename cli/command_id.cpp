// cipnode id: the key of this node; its secrets out of the home and into another.

#include <fmt/format.h>

#include "cli/application.hpp"
#include "cli/files.hpp"
#include "cli/options.hpp"
#include "cli/payload_io.hpp"
#include "cli/printer.hpp"
#include "node/home_content.hpp"

namespace cip::cli {
namespace {

constexpr std::size_t kLargestExport = std::size_t{1} << 30;
constexpr std::string_view kStdout = "-";

int print_id(Context& context) {
  TextPrinter printer(context, [](const Json& id) { return text_of(id, "key") + "\n"; });
  return run(context, {"id"}, printer);
}

// ---- export

struct ExportFlags {
  std::string file;
  bool yes = false;
};

// Collects the bytes: the file is made once they are all there.
class ExportPrinter final : public Printer {
 public:
  using Printer::Printer;
  void on_data(ByteView bytes) override { bytes_ += cip::text_of(bytes); }
  const std::string& bytes() const { return bytes_; }

 private:
  void print(const Json&) override {}
  std::string bytes_;
};

Outcome<void> check_target(Context& context, const ExportFlags& flags) {
  if (flags.file != kStdout) {
    if (node::is_home_file(node::HomePaths(home_of(context.globals)), flags.file)) {
      return usage_error(flags.file + " is a file that this home itself lives on",
                         "name a file of your own, best outside of the home");
    }
    auto writable = check_writable(flags.file);
    if (!writable || flags.yes || !is_there(flags.file)) return writable;
    return fail_with(ExitCode::conflict, flags.file + " is there already",
                     "name another file, or add --yes to replace it");
  }
  if (context.console.out_is_terminal) {
    return usage_error("secrets are not printed on a terminal", "name a file");
  }
  if (context.globals.json) return usage_error("--json needs a file", "name one");
  return {};
}

int export_identity(Context& context, const ExportFlags& flags) {
  if (auto usable = check_target(context, flags); !usable) return report(context, usable.error());
  ExportPrinter printer(context);
  if (const int code = run(context, {"id.export"}, printer); code != 0) return code;
  if (printer.bytes().empty()) return kInterrupted;
  if (flags.file == kStdout) {
    context.console.write_out(printer.bytes());
  } else {
    const auto written =
        write_file(flags.file, printer.bytes(), {.mode = 0600, .overwrites = flags.yes});
    if (!written) return report(context, written.error());
    const Json result{{"file", flags.file}, {"bytes", printer.bytes().size()}};
    context.console.out_line(
        context.globals.json
            ? json_line(result)
            : fmt::format("exported to {}, {}", flags.file,
                          bytes_text(static_cast<double>(printer.bytes().size()))));
  }
  print_notice(context,
               "whoever has these secrets is this node: keep them closed, and never run two homes "
               "with them at one time");
  return 0;
}

void add_export(CommandTree& tree, CLI::App& id) {
  auto& flags = tree.options<ExportFlags>();
  auto& app = tree.add(
      id, "export", "Commands",
      {.purpose = "Write identity and key ring, all secrets of this home, to a file",
       .details = "The file is readable for you alone. It holds no blocks: those come back from "
                  "peers that have them.",
       .timeout = default_timeout("id.export"),
       .examples = {"cipnode id export identity.bak",
                    "cipnode id export - | gpg --symmetric > identity.gpg"},
       .exits = exits_of("id.export", {ExitCode::not_found, ExitCode::conflict}),
       .run = [&flags](Context& context) { return export_identity(context, flags); }});
  add_value(app, "FILE", flags.file, parse_text, "", "A new file; -: stdout, if no terminal")
      ->required();
  add_switch(app, "--yes", flags.yes, "Replace a file of this name")->group(kCommandFlags);
}

// ---- import

std::string imported_text(const Json& done, Style style) {
  Pairs pairs;
  pairs.add("imported", text_of(done, "key"));
  pairs.add("new here", fmt::format("{}, {}, {}", plural(count_of(done, "feeds"), "own feed"),
                                    plural(count_of(done, "topics"), "topic"),
                                    plural(count_of(done, "keys"), "further key")));
  if (const auto renamed = count_of(done, "renamed"); renamed > 0) {
    pairs.add("without name", plural(renamed, "feed") + ", whose name is taken here");
  }
  return pairs.text(style);
}

int import_identity(Context& context, const std::string& file) {
  const auto bytes = file == kStdout ? read_descriptor(0, "the exported identity", kLargestExport)
                                     : read_file(file, "the exported identity", kLargestExport);
  if (!bytes) return report(context, bytes.error());
  const auto input = input_of_bytes(bytes_of(*bytes));
  if (!input) return report(context, input.error());
  TextPrinter printer(context,
                      [&](const Json& done) { return imported_text(done, context.style()); });
  const int code = run(context, {"id.import"}, printer, input->fd());
  if (code != 0) return code;
  print_notice(context,
               "never run the home that these secrets come from again: two homes with one identity "
               "write two histories");
  return 0;
}

void add_import(CommandTree& tree, CLI::App& id) {
  auto& file = tree.options<std::string>();
  auto& app = tree.add(
      id, "import", "Commands",
      {.purpose = "Take exported identity and key ring into this home",
       .details = "The home has no identity yet, or this very one: then keys are added and none is "
                  "replaced. Own feeds go on behind the length that they had when they were "
                  "exported, and what peers have beyond it counts.",
       .timeout = default_timeout("id.import"),
       .examples = {"cipnode --home ./new id import identity.bak",
                    "gpg --decrypt identity.gpg | cipnode id import -"},
       .exits = exits_of("id.import", {ExitCode::conflict}),
       .run = [&file](Context& context) { return import_identity(context, file); }});
  add_value(app, "FILE", file, parse_text, "", "What cipnode id export wrote; -: stdin")
      ->required();
}

}  // namespace

void add_id_commands(CommandTree& tree) {
  auto& id = tree.add(tree.root(), "id", "Node",
                      {.purpose = "Print the key by which others find this node",
                       .examples = {"cipnode id", "cipnode id --json | jq -r .keyHex"},
                       .exits = exits_of("id", {ExitCode::full, ExitCode::corrupt}),
                       .run = print_id});
  add_export(tree, id);
  add_import(tree, id);
}

}  // namespace cip::cli
