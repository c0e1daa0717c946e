#include "cli/application.hpp"

#include <algorithm>
#include <exception>
#include <system_error>

#include "cli/help.hpp"

namespace cip::cli {
namespace {

// Whether errors are wanted as JSON, also those of a command line that does not parse.
bool wants_json(const std::vector<std::string>& words, const Environment& environment) {
  const auto end = std::ranges::find(words, "--");
  if (std::find(words.begin(), end, "--json") != end) return true;
  const auto value = environment("CIPNODE_JSON");
  return value && parse_switch(*value).value_or(false);
}

// `cipnode --version` is what people try first.
std::vector<std::string> with_aliases(std::vector<std::string> words) {
  const bool only_flags =
      std::ranges::all_of(words, [](const auto& w) { return w.starts_with('-'); });
  if (only_flags) std::ranges::replace(words, std::string("--version"), std::string("version"));
  return words;
}

// What was typed: without what whoever started this process in the background had from settings.
std::vector<std::string> typed_words(std::vector<std::string> words, const CommandTree& tree) {
  for (const auto& key : tree.join().from_settings) {
    const auto& settings = tree.settings().all();
    const auto setting = std::ranges::find(settings, key, &Setting::key);
    if (setting == settings.end()) continue;
    const auto taken = is_switch(*setting->option) ? 1 : 2;
    for (auto at = words.begin(); (at = std::find(at, words.end(), "--" + key)) != words.end();) {
      at = words.erase(at, at + std::min<std::ptrdiff_t>(taken, words.end() - at));
    }
  }
  return words;
}

std::vector<std::string> keys_from_settings(const Settings& settings) {
  std::vector<std::string> out;
  for (const auto& setting : settings.all()) {
    const auto kind = setting.origin.kind;
    const bool is_settled = kind == Origin::Kind::file || kind == Origin::Kind::environment;
    // A relative one is only found from the folder of this process.
    if (is_settled && setting.key != "home") out.push_back(setting.key);
  }
  return out;
}

// The options of a node as the same words make them by now.
Outcome<node::JoinOptions> reread(const std::vector<std::string>& words,
                                  const Environment& environment) {
  CommandTree first;
  add_all_commands(first);
  if (auto invocation = first.parse(words, environment); !invocation) {
    return tl::unexpected(std::move(invocation.error()));
  }
  CommandTree tree;
  add_all_commands(tree);
  if (auto invocation = tree.parse(typed_words(words, first), environment); !invocation) {
    return tl::unexpected(std::move(invocation.error()));
  }
  return join_options(tree.globals(), tree.join());
}

int dispatch(const std::vector<std::string>& words, const Environment& environment,
             Console& console, const Backend& backend, bool json) {
  CommandTree tree;
  add_all_commands(tree);
  const auto invocation = tree.parse(with_aliases(words), environment);
  if (!invocation) {
    print_error(console, json, invocation.error());
    return static_cast<int>(invocation.error().code);
  }
  if (invocation->help) {
    console.write_out(help_text(tree, *invocation->app, console.out_columns));
    return 0;
  }
  auto join = join_options(tree.globals(), tree.join());
  join.from_settings = keys_from_settings(tree.settings());
  join.reread = [words, environment] { return reread(words, environment); };
  Context context{tree.globals(), join, console, backend};
  return tree.command(*invocation->app).run(context);
}

}  // namespace

void add_all_commands(CommandTree& tree) {
  add_join_command(tree);
  add_node_commands(tree);
  add_top_command(tree);
  add_du_command(tree);
  add_log_commands(tree);
  add_config_commands(tree);
  add_backup_commands(tree);
  add_salvage_command(tree);
  add_doctor_command(tree);
  add_find_command(tree);
  add_record_commands(tree);
  add_feed_commands(tree);
  add_message_commands(tree);
  add_topic_commands(tree);
  add_sim_commands(tree);

  add_completion_commands(tree);
  add_help_command(tree);
}

int run_application(const std::vector<std::string>& words, const Environment& environment,
                    Console& console, const Backend& backend) {
  const bool json = wants_json(words, environment);
  try {
    const int code = dispatch(words, environment, console, backend, json);
    return code_after_output(console, json, code);
  } catch (const std::system_error& problem) {
    // What is made at a start, a loop, a thread, asks the system for it.
    const auto hint = node::hint_for_shortage(problem.code());
    print_error(console, json,
                {ExitCode::internal, problem.what(),
                 hint.empty() ? "this is a bug: report it" : std::string(hint)});
    return static_cast<int>(ExitCode::internal);
  } catch (const std::exception& problem) {
    // The last edge: a library threw what nobody expected.
    print_error(console, json, {ExitCode::internal, problem.what(), "this is a bug: report it"});
    return static_cast<int>(ExitCode::internal);
  }
}

}  // namespace cip::cli
