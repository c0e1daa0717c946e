// cipnode id: the key of this node; its secrets out of the home and into another.

#include <fmt/format.h>

#include "cli/application.hpp"
#include "cli/files.hpp"
#include "cli/options.hpp"
#include "cli/passphrase.hpp"
#include "cli/payload_io.hpp"
#include "cli/printer.hpp"
#include "node/home_content.hpp"
#include "node/sealed_export.hpp"
#include "node/signals.hpp"
#include "node/system_random.hpp"

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
  bool passphrase = false;
  std::string passphrase_file;

  bool is_sealed() const { return passphrase || !passphrase_file.empty(); }
};

// Without one after a signal: that is why.
int report_passphrase(Context& context, const Error& error) {
  if (const int signal = node::caught_signal(); signal != 0) return 128 + signal;
  return report(context, error);
}

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

Outcome<std::string> sealed_export(std::string_view secrets, std::string_view passphrase) {
  node::SystemRandom random;
  const auto file = node::seal(bytes_of(secrets), passphrase, random);
  if (!file) return tl::unexpected(file.error());
  return std::string(cip::text_of(*file));
}

Outcome<void> write_export(Context& context, const ExportFlags& flags, std::string_view bytes) {
  if (flags.file == kStdout) {
    context.console.write_out(bytes);
    return {};
  }
  auto written = write_file(flags.file, bytes, {.mode = 0600, .overwrites = flags.yes});
  if (!written) return written;
  const Json result{{"file", flags.file}, {"bytes", bytes.size()}, {"sealed", flags.is_sealed()}};
  context.console.out_line(context.globals.json
                               ? json_line(result)
                               : fmt::format("exported to {}, {}", flags.file,
                                             bytes_text(static_cast<double>(bytes.size()))));
  return {};
}

int export_identity(Context& context, const ExportFlags& flags) {
  if (auto usable = check_target(context, flags); !usable) return report(context, usable.error());
  std::string passphrase;
  if (flags.is_sealed()) {
    auto given = read_passphrase(context, flags.passphrase_file, Typed::twice);
    if (!given) return report_passphrase(context, given.error());
    passphrase = std::move(*given);
  }
  ExportPrinter printer(context);
  if (const int code = run(context, {"id.export"}, printer); code != 0) return code;
  if (printer.bytes().empty()) return kInterrupted;
  const auto bytes = flags.is_sealed() ? sealed_export(printer.bytes(), passphrase)
                                       : Outcome<std::string>(printer.bytes());
  if (!bytes) return report(context, bytes.error());
  if (auto written = write_export(context, flags, *bytes); !written) {
    return report(context, written.error());
  }
  print_notice(context,
               flags.is_sealed()
                   ? "whoever has this file and the passphrase is this node: never run two homes "
                     "with them at one time; without the passphrase nobody can read it"
                   : "whoever has these secrets is this node: keep them closed, and never run two "
                     "homes with them at one time");
  if (flags.file == kStdout) return 0;
  return report_unwritten(context, flags.file + " is written", "use it, or delete it");
}

void add_passphrase_file(CLI::App& app, std::string& target) {
  add_value(app, "--passphrase-file", target, parse_text, "FILE",
            "Read the passphrase from this file; a newline at its end does not count")
      ->group(kCommandFlags);
}

void add_export(CommandTree& tree, CLI::App& id) {
  auto& flags = tree.options<ExportFlags>();
  auto& app = tree.add(
      id, "export", "Commands",
      {.purpose = "Write identity and key ring, all secrets of this home, to a file",
       .details = "The file is readable for you alone, with --passphrase for nobody without it. "
                  "It holds no blocks: those come back from peers that have them.",
       .timeout = default_timeout("id.export"),
       .examples = {"cipnode id export identity.bak",
                    "cipnode id export --passphrase identity.sealed"},
       .exits = exits_of("id.export", {ExitCode::not_found, ExitCode::conflict}),
       .run = [&flags](Context& context) { return export_identity(context, flags); }});
  add_value(app, "FILE", flags.file, parse_text, "", "A new file; -: stdout, if no terminal")
      ->required();
  add_switch(app, "--yes", flags.yes, "Replace a file of this name")->group(kCommandFlags);
  add_switch(app, "--passphrase", flags.passphrase,
             "Seal the file with a passphrase, which is asked for at the terminal")
      ->group(kCommandFlags);
  add_passphrase_file(app, flags.passphrase_file);
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

struct ImportFlags {
  std::string file;
  std::string passphrase_file;
};

int import_identity(Context& context, const ImportFlags& flags) {
  const auto bytes = flags.file == kStdout
                         ? read_descriptor(0, "the exported identity", kLargestExport)
                         : read_file(flags.file, "the exported identity", kLargestExport);
  if (!bytes) return report(context, bytes.error());
  Outcome<Bytes> secrets = to_bytes(bytes_of(*bytes));
  if (node::is_sealed(*secrets)) {
    const auto passphrase = read_passphrase(context, flags.passphrase_file, Typed::once);
    if (!passphrase) return report_passphrase(context, passphrase.error());
    secrets = node::unseal(*secrets, *passphrase);
    if (!secrets) return report(context, secrets.error());
  }
  const auto input = input_of_bytes(*secrets);
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
  auto& flags = tree.options<ImportFlags>();
  auto& app = tree.add(
      id, "import", "Commands",
      {.purpose = "Take exported identity and key ring into this home",
       .details =
           "The home has no identity yet, or this very one: then keys are added and none is "
           "replaced. A file that was sealed asks for its passphrase. Own feeds go on "
           "behind the length that they had when they were exported. The home they come from "
           "may have appended since, so the first append to each waits for somebody who has "
           "the feed, or for --assume-latest.",
       .timeout = default_timeout("id.import"),
       .examples = {"cipnode --home ./new id import identity.bak",
                    "cipnode id import identity.sealed --passphrase-file secret.txt"},
       .exits = exits_of("id.import", {ExitCode::conflict}),
       .run = [&flags](Context& context) { return import_identity(context, flags); }});
  add_value(app, "FILE", flags.file, parse_text, "", "What cipnode id export wrote; -: stdin")
      ->required();
  add_passphrase_file(app, flags.passphrase_file);
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
