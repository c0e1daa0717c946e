// cipnode help: the same texts as --help, for those who ask by command.

#include "cli/application.hpp"
#include "cli/help.hpp"
#include "cli/suggest.hpp"

namespace cip::cli {
namespace {

int help(Context& context, const CommandTree& tree, const std::vector<std::string>& words) {
  const auto* app = &tree.root();
  for (const auto& word : words) {
    const CLI::App* next = nullptr;
    for (const auto* sub : app->get_subcommands(nullptr)) {
      if (sub->get_name() == word) next = sub;
    }
    if (next == nullptr) return report(context, tree.unknown_command(*app, word));
    app = next;
  }
  context.console.write_out(help_text(tree, *app, context.console.out_columns));
  return 0;
}

}  // namespace

void add_help_command(CommandTree& tree) {
  auto& words = tree.options<std::vector<std::string>>();
  auto& app =
      tree.add(tree.root(), "help", "Other",
               {.purpose = "Explain a command",
                .examples = {"cipnode help find", "cipnode help feed append"},
                .bad_settings = true,
                .run = [&tree, &words](Context& context) { return help(context, tree, words); }});
  add_list(app, "COMMAND", words, parse_text, "", "The command, by its words");
}

}  // namespace cip::cli
