#include "cli/completion.hpp"

#include <algorithm>
#include <utility>

#include "cli/sim_flags.hpp"
#include "node/log_names.hpp"

namespace cip::cli {
namespace {

using Further = Completions::Further;

constexpr const char* kBash = R"sh(# cipnode: source <(cipnode completion bash)
_cipnode() {
  # The line goes to the program as it is typed: COMP_WORDS is cut at : and =, which are parts of
  # words here.
  local typed=${COMP_LINE:0:COMP_POINT} word= line head= cut quoted=
  local -a words
  [[ -n $typed ]] || typed="${COMP_WORDS[*]:0:COMP_CWORD+1}"
  read -ra words <<<"$typed"
  [[ $typed == *[[:space:]] ]] || word=${words[-1]}
  # Within quotes readline completes what stands behind the first.
  [[ $word == [\"\']* ]] && quoted=1 word=${word:1}
  for cut in : =; do
    [[ -z $quoted && $COMP_WORDBREAKS == *$cut* && ${word:${#head}} == *$cut* ]] && head=${word%"${word##*$cut}"}
  done
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${word#"$head"}")
    else
      line=${line%%$'\t'*}
      [[ $line == *[:=,] ]] && compopt -o nospace 2>/dev/null
      [[ -n $quoted ]] || printf -v line %q "$line"
      COMPREPLY+=("${line#"$head"}")
    fi
  done < <(cipnode __complete --line -- "$typed" 2>/dev/null)
}
complete -F _cipnode cipnode
)sh";

constexpr const char* kZsh = R"sh(#compdef cipnode
# cipnode: source <(cipnode completion zsh), or as a file _cipnode in $fpath
_cipnode() {
  local line word meaning
  local -a found open
  for line in ${(f)"$(cipnode __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"}; do
    if [[ $line == :files ]]; then _files; continue; fi
    word=${line%%$'\t'*} meaning=${line#*$'\t'}
    # What ends so waits for more.
    if [[ $word == *[:=,] ]]; then open+=("${word//:/\\:}:"); else found+=("${word//:/\\:}:$meaning"); fi
  done
  _describe cipnode found -- open -S ''
}
if [ "$funcstack[1]" = _cipnode ]; then _cipnode "$@"; else compdef _cipnode cipnode; fi
)sh";

constexpr const char* kFish = R"sh(# cipnode: cipnode completion fish | source
function __cipnode_complete
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    for line in (cipnode __complete -- $words 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c cipnode -f -a '(__cipnode_complete)'
)sh";

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// "-q", "--quiet" or "--quiet=": the option of this command or of those above it.
const CLI::Option* find_option(const CLI::App& app, const std::string& word) {
  const auto name = word.substr(0, word.find('='));
  for (const auto* at = &app; at != nullptr; at = at->get_parent()) {
    if (const auto* option = at->get_option_no_throw(name)) return option;
  }
  return nullptr;
}

void add_word(std::string_view word, const std::string& typed, Completions& out) {
  if (word.starts_with(typed)) out.words.push_back({std::string(word), {}});
}

// Values that have words, and what kind of values have names. A colon waits for more.
struct ValueKind {
  std::string_view type;
  std::vector<std::string_view> words;
  Further further = Further::nothing;
};
const std::vector<ValueKind>& value_kinds() {
  static const std::vector<ValueKind> kinds = {
      {"FILE", {}, Further::files},     {"DIR", {}, Further::files},
      {"KEY|NAME", {}, Further::feeds}, {"ID", {}, Further::peer_keys},
      {"PEER", {}, Further::peer_keys}, {"TOPIC", {}, Further::topics},
      {"TARGET", {"topic:", "feed:"}},  {"WHEN", {"start", "new", "last:"}},
      {"INDEX|new", {"new"}},           {"PAPER", {"K1", "K2", "K3", "K7"}},
  };
  return kinds;
}

// Kinds that have several meanings, by the flag.
std::vector<std::string_view> model_words(const std::string& flag) {
  if (flag == "--churn") return {"none", "exp:", "weibull:", "trace:"};
  return {"const:", "uniform:", "lognormal:", "king"};
}
Further key_kind(const std::string& flag) {
  const bool of_feed = flag == "--seed" || flag == "KEY";
  return of_feed ? Further::feed_keys : Further::peer_keys;
}

// "dht=debug,sto": a level, or a floor and its level, behind the last comma.
void add_log_spec(const std::string& typed, Completions& out) {
  const auto part = typed.substr(0, typed.rfind(',') + 1);
  const auto equals = typed.find('=', part.size());
  const auto head = equals == typed.npos ? part : typed.substr(0, equals + 1);
  if (equals == typed.npos) {
    for (const auto floor : node::kLogFloors) {
      add_word(head + std::string(floor) + "=", typed, out);
    }
  }
  for (const auto level : node::kLogLevels) add_word(head + std::string(level), typed, out);
}

// The value of a flag, or an argument, from the name of its type: "text|json" says it all.
void add_values(const std::string& flag, const std::string& type, const std::string& typed,
                Completions& out) {
  const auto& known = value_kinds();
  if (const auto kind = std::ranges::find(known, type, &ValueKind::type); kind != known.end()) {
    out.further = kind->further;
    for (const auto word : kind->words) add_word(word, typed, out);
    return;
  }
  if (type == "KEY") out.further = key_kind(flag);
  if (type == "SPEC") add_log_spec(typed, out);
  if (type == "STRATEGY") {
    for (const auto strategy : strategies_of({})) add_word(name_of(strategy), typed, out);
  }
  if (type == "MODEL") {
    for (const auto word : model_words(flag)) add_word(word, typed, out);
  }
  const bool choice = std::ranges::none_of(type, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!choice || type.find('|') == std::string::npos) return;
  for (const auto& word : CLI::detail::split(type, '|')) add_word(word, typed, out);
}

// An argument: a NAME is that of a feed which is there, but where it is given.
void add_argument(const CLI::App& app, const CLI::Option& argument, const std::string& typed,
                  Completions& out) {
  const auto& type = argument.get_name();
  add_values(type, type, typed, out);
  if (type == "NAME" && app.get_name() != "create") out.further = Further::feeds;
}

void add_commands(const CLI::App& app, const std::string& typed, Completions& out) {
  for (const auto* sub : app.get_subcommands(nullptr)) {
    if (sub->get_group().empty() || !sub->get_name().starts_with(typed)) continue;
    out.words.push_back({sub->get_name(), sub->get_description()});
  }
}

void add_flags(const CLI::App& app, const std::string& typed, Completions& out) {
  for (const auto* at = &app; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      if (option->get_positional() || option->get_group().empty()) continue;
      for (const auto& name : option->get_lnames()) {
        const auto word = "--" + name;
        const bool again = std::ranges::find(out.words, word, &Completion::word) != out.words.end();
        if (!again && word.starts_with(typed))
          out.words.push_back({word, option->get_description()});
      }
    }
  }
}

// The argument at this place; the last one may repeat.
const CLI::Option* argument_at(const CLI::App& app, std::size_t place) {
  const CLI::Option* found = nullptr;
  for (const auto* option : app.get_options()) {
    if (!option->get_positional()) continue;
    found = option;
    if (place-- == 0) return found;
  }
  const bool repeats = found != nullptr && found->get_items_expected_max() > 1;
  return repeats ? found : nullptr;
}

const CLI::App* find_command(const CLI::App& app, const std::string& word) {
  for (const auto* sub : app.get_subcommands(nullptr)) {
    if (sub->get_name() == word) return sub;
  }
  return nullptr;
}

// Where a line stands behind the words that are complete.
struct Place {
  const CLI::App* app;
  const CLI::App* explained;  // the command whose help is asked for, as far as it is named
  const CLI::Option* open_flag = nullptr;  // whose value comes next
  std::size_t arguments = 0;
  std::string home = {};
};

bool is_help(const CLI::App& app) { return app.get_name() == "help"; }

void pass_flag(Place& place, const std::string& word) {
  const auto end = word.find('=');
  if (word.starts_with("--home=")) place.home = word.substr(end + 1);
  const auto* option = find_option(*place.app, word);
  if (option != nullptr && takes_value(*option) && end == word.npos) place.open_flag = option;
}

void pass(Place& place, const std::string& word) {
  if (const auto* flag = std::exchange(place.open_flag, nullptr); flag != nullptr) {
    if (flag->check_lname("home")) place.home = word;
  } else if (word.size() > 1 && word.front() == '-') {
    pass_flag(place, word);
  } else if (const auto* below = find_command(*place.app, word);
             below != nullptr && place.arguments == 0) {
    place.app = below;
  } else {
    ++place.arguments;
    const auto* next = place.explained ? find_command(*place.explained, word) : nullptr;
    if (is_help(*place.app)) place.explained = next;
  }
}

void offer(const Place& place, const std::string& typed, Completions& out) {
  if (place.open_flag != nullptr) {
    add_values(place.open_flag->get_name(), place.open_flag->get_type_name(), typed, out);
  } else if (const auto end = typed.find('='); typed.starts_with("--") && end != typed.npos) {
    const auto* option = find_option(*place.app, typed);
    if (option != nullptr) {
      add_values(option->get_name(), option->get_type_name(), typed.substr(end + 1), out);
    }
    for (auto& [word, meaning] : out.words) word = typed.substr(0, end + 1) + word;
  } else if (typed.starts_with('-')) {
    add_flags(*place.app, typed, out);
  } else if (is_help(*place.app)) {
    if (place.explained != nullptr) add_commands(*place.explained, typed, out);
  } else {
    if (place.arguments == 0) add_commands(*place.app, typed, out);
    const auto* argument = argument_at(*place.app, place.arguments);
    if (argument != nullptr) add_argument(*place.app, *argument, typed, out);
  }
}

}  // namespace

Completions complete(const CommandTree& tree, const std::vector<std::string>& words) {
  if (words.empty()) return {};
  Place place{&tree.root(), &tree.root()};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) pass(place, words[i]);
  Completions out;
  out.home = place.home;
  offer(place, words.back(), out);
  return out;
}

const char* completion_script(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  return shell == "fish" ? kFish : nullptr;
}

}  // namespace cip::cli
