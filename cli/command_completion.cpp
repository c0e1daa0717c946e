// cipnode completion: scripts for shells; they ask the hidden command __complete at each TAB.

#include <chrono>

#include "cli/application.hpp"
#include "cli/completion.hpp"
#include "cli/printer.hpp"
#include "cli/shell_words.hpp"
#include "node/home.hpp"

namespace cip::cli {
namespace {

// Somebody waits with a finger on the key.
constexpr Duration kPatience = std::chrono::seconds(1);

// Names from the node that runs; none is started for this, and none is waited for.
class NamePrinter final : public node::Handler {
 public:
  NamePrinter(Console& console, const char* member, const std::string& typed)
      : console_(console), member_(member), typed_(typed) {}
  void on_result(const Json& object) override {
    const auto name = text_of(object, member_);
    if (!name.empty() && name.starts_with(typed_)) console_.out_line(name);
  }

 private:
  Console& console_;
  const char* member_;
  const std::string& typed_;
};

void print_names(Context& context, const Completions& found, const std::string& typed) {
  auto options = service_options(context);
  options.timeout = kPatience;
  if (!found.home.empty()) {
    Globals named;
    named.home = found.home;
    options.join.home = home_of(named);
  }
  if (!node::lock_holder(node::HomePaths(options.join.home))) return;
  const bool feeds = found.further == Completions::Further::feeds;
  NamePrinter printer(context.console, feeds ? "name" : "topic", typed);
  static_cast<void>(
      context.backend.run_request(options, {feeds ? "feed.ls" : "topic.ls"}, printer));
}

struct CompleteFlags {
  std::vector<std::string> words;
  bool line = false;
};

// What stands behind the program's name, as the program would get it.
std::vector<std::string> words_of(const CompleteFlags& flags) {
  const auto environment = process_environment();
  if (flags.line && !flags.words.empty()) {
    auto words = shell_words(flags.words.front(), environment);
    words.erase(words.begin());
    return words;
  }
  std::vector<std::string> words;
  for (const auto& word : flags.words) words.push_back(shell_word(word, environment));
  return words;
}

int print_completions(Context& context, const CommandTree& tree, const CompleteFlags& flags) {
  const auto words = words_of(flags);
  const auto found = complete(tree, words);
  for (const auto& [word, meaning] : found.words) {
    context.console.out_line(meaning.empty() ? word : word + '\t' + meaning);
  }
  if (found.further == Completions::Further::files) context.console.out_line(":files");
  const bool names =
      found.further == Completions::Further::feeds || found.further == Completions::Further::topics;
  if (names) print_names(context, found, words.back());
  return 0;
}

Parsed<std::string> parse_shell(std::string_view text) {
  if (completion_script(text) != nullptr) return std::string(text);
  return tl::unexpected<std::string>("the shell is bash, zsh or fish");
}

Parsed<std::string> parse_any(std::string_view text) { return std::string(text); }

}  // namespace

void add_completion_commands(CommandTree& tree) {
  auto& shell = tree.options<std::string>();
  auto& app = tree.add(tree.root(), "completion", "Other",
                       {.purpose = "Print a script that completes commands, flags and names",
                        .details = "In bash: source <(cipnode completion bash). In zsh: source "
                                   "<(cipnode completion zsh). In fish: cipnode completion fish | "
                                   "source.",
                        .examples = {"cipnode completion bash", "cipnode completion fish"},
                        .run = [&shell](Context& context) {
                          context.console.write_out(completion_script(shell));
                          return 0;
                        }});
  add_value(app, "bash|zsh|fish", shell, parse_shell, "", "The shell")->required();

  auto& flags = tree.options<CompleteFlags>();
  auto& hidden = tree.add(tree.root(), "__complete", "",
                          {.purpose = "Print what may stand at the end of a command line",
                           .examples = {},
                           .run = [&tree, &flags](Context& context) {
                             return print_completions(context, tree, flags);
                           }});
  add_list(hidden, "WORD", flags.words, parse_any, "", "What is typed so far, as it is typed");
  add_switch(hidden, "--line", flags.line, "The one WORD is the whole line")->group("");
}

}  // namespace cip::cli
