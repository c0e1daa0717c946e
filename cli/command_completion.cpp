// cipnode completion: scripts for shells; they ask the hidden command __complete at each TAB.

#include <chrono>
#include <optional>
#include <set>

#include "cli/application.hpp"
#include "cli/completion.hpp"
#include "cli/printer.hpp"
#include "cli/shell_words.hpp"

namespace cip::cli {
namespace {

// Somebody waits with a finger on the key: beyond 200 ms in all it would be felt.
constexpr Duration kPatience = std::chrono::milliseconds(120);

// What a node is asked for, and where its answer has what completes.
struct Question {
  const char* method;
  const char* member;
  const char* meaning;  // empty: none
};

std::optional<Question> question_of(Completions::Further further) {
  switch (further) {
    case Completions::Further::feeds:
      return Question{"feed.ls", "name", "key"};
    case Completions::Further::feed_keys:
      return Question{"feed.ls", "key", "name"};
    case Completions::Further::peer_keys:
      return Question{"peers", "key", "address"};
    case Completions::Further::topics:
      return Question{"topic.ls", "topic", ""};
    case Completions::Further::nothing:
    case Completions::Further::files:
      break;
  }
  return std::nullopt;
}

// Names from the node that runs; none is started for this.
class NamePrinter final : public node::Handler {
 public:
  // `head` is what stands in front of the name in the word that is typed, "--seed=".
  NamePrinter(Console& console, const Question& question, std::string head, std::string typed)
      : console_(console), question_(question), head_(std::move(head)), typed_(std::move(typed)) {}
  void on_result(const Json& object) override {
    const auto name = text_of(object, question_.member);
    if (name.empty() || !name.starts_with(typed_) || !seen_.insert(name).second) return;
    const auto meaning = text_of(object, question_.meaning);
    console_.out_line(head_ + name + (meaning.empty() ? "" : '\t' + meaning));
  }

 private:
  Console& console_;
  const Question& question_;
  std::string head_;
  std::string typed_;
  std::set<std::string> seen_;
};

void print_names(Context& context, const Completions& found, const std::string& typed) {
  const auto question = question_of(found.further);
  if (!question) return;
  auto home = context.join.home;
  if (!found.home.empty()) {
    Globals named;
    named.home = found.home;
    home = home_of(named);
  }
  const auto head = typed.starts_with("--") ? typed.find('=') + 1 : 0;
  NamePrinter printer(context.console, *question, typed.substr(0, head), typed.substr(head));
  context.backend.ask_running(home, {question->method}, kPatience, printer);
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
  print_names(context, found, words.back());
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
                        .bad_settings = true,
                        .run = [&shell](Context& context) {
                          context.console.write_out(completion_script(shell));
                          return 0;
                        }});
  add_value(app, "bash|zsh|fish", shell, parse_shell, "", "The shell")->required();

  auto& flags = tree.options<CompleteFlags>();
  auto& hidden = tree.add(tree.root(), "__complete", "",
                          {.purpose = "Print what may stand at the end of a command line",
                           .examples = {},
                           .bad_settings = true,
                           .run = [&tree, &flags](Context& context) {
                             return print_completions(context, tree, flags);
                           }});
  add_list(hidden, "WORD", flags.words, parse_any, "", "What is typed so far, as it is typed");
  add_switch(hidden, "--line", flags.line, "The one WORD is the whole line")->group("");
}

}  // namespace cip::cli
