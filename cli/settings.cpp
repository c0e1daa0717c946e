#include "cli/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "cli/flags.hpp"
#include "cli/suggest.hpp"

namespace cip::cli {
namespace {

using Values = std::vector<std::string>;

// "feed.seed." of `cipnode feed seed`; nothing of the root.
std::string key_prefix(const CLI::App& app) {
  if (app.get_parent() == nullptr) return {};
  return key_prefix(*app.get_parent()) + app.get_name() + ".";
}

// Hands values to a flag as if they had been typed, in place of those it has. `where` names their
// source in messages.
Outcome<void> assign(CLI::Option& option, const Values& values, const std::string& where) {
  option.clear();
  try {
    if (is_switch(option)) {
      const auto given = values.empty() ? Parsed<bool>(false) : parse_switch(values.back());
      if (!given) return usage_error(fmt::format("{}: {}", where, given.error()));
      option.add_result(*given ? "true" : "false");
    } else {
      for (const auto& value : values) option.add_result(value);
    }
    if (option.count() > 0) option.run_callback();
    return {};
  } catch (const BadValue& bad) {
    // The sentence begins with the flag; the source says more.
    const std::string text = bad.what();
    const auto colon = text.find(": ");
    return usage_error(where + text.substr(std::min(colon, text.size())));
  } catch (const CLI::Error& error) {
    return usage_error(fmt::format("{}: {}", where, error.what()));
  }
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

std::string environment_name(std::string_view key) {
  std::string out = "CIPNODE_";
  for (const char letter : key) {
    const bool parts = letter == '-' || letter == '.';
    out += parts ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  return out;
}

void Settings::add(CLI::Option* option) {
  settings_.push_back({option, option->get_lnames().front()});
}

void Settings::add_flags_of(CLI::App& app) {
  for (auto* option : app.get_options()) {
    const bool shown = !option->get_positional() && !option->get_group().empty();
    if (!shown || option == app.get_help_ptr() || option->get_lnames().empty()) continue;
    settings_.push_back({option, key_prefix(app) + option->get_lnames().front()});
  }
}

const Setting* Settings::find(const CLI::Option* option) const {
  const auto found = std::ranges::find(settings_, option, &Setting::option);
  return found == settings_.end() ? nullptr : &*found;
}

Setting* Settings::find_key(std::string_view key) {
  const auto found = std::ranges::find(settings_, key, &Setting::key);
  return found == settings_.end() ? nullptr : &*found;
}

void Settings::set_typed_aside() {
  for (auto& setting : settings_) {
    if (setting.option->count() == 0) continue;
    typed_[setting.key] = setting.option->results();
    setting.option->clear();
  }
}

const Values* Settings::typed(std::string_view key) const {
  const auto found = typed_.find(key);
  return found == typed_.end() ? nullptr : &found->second;
}

void Settings::apply_typed() {
  for (auto& [key, values] : typed_) {
    auto& setting = *find_key(key);
    // It was parsed before, as it stands.
    setting.option->clear();
    for (const auto& value : values) setting.option->add_result(value);
    setting.option->run_callback();
    setting.origin = {Origin::Kind::flag};
  }
}

void Settings::apply_environment(const Environment& environment) {
  auto& source = sources_.emplace_back(SettingsSource{.file = {}, .exists = true});
  for (auto& setting : settings_) {
    const auto name = environment_name(setting.key);
    const auto value = environment(name);
    if (!value) continue;
    ++source.settings;
    Values values{*value};
    const char delimiter = setting.option->get_delimiter();
    if (delimiter != '\0') values = CLI::detail::split(*value, delimiter);
    setting.origin = {Origin::Kind::environment};
    const auto done = assign(*setting.option, values, name);
    if (!done) source.problems.push_back({0, done.error()});
  }
}

Error Settings::unknown_key(const std::string& key, const std::string& where) const {
  std::vector<std::string> known;
  for (const auto& setting : settings_) known.push_back(setting.key);
  // A flag of a command, without the command.
  const auto behind =
      std::ranges::find_if(known, [&](const auto& other) { return other.ends_with("." + key); });
  const auto close = behind != known.end() ? *behind : nearest(key, known);
  return {ExitCode::usage, fmt::format("{}: unknown setting '{}'", where, key),
          close.empty() ? "remove it, or install the version that knows it; all mistakes: "
                          "cipnode config check"
                        : fmt::format("did you mean '{}'?", close)};
}

Outcome<void> Settings::apply_entry(const ConfigEntry& entry, const std::filesystem::path& file,
                                    bool for_home) {
  const auto where = fmt::format("{}, line {}", file.string(), entry.line);
  auto* setting = find_key(entry.key);
  if (setting == nullptr) return tl::unexpected(unknown_key(entry.key, where));
  if (for_home && entry.key == "home") {
    return usage_error(where + ": a home cannot name another home",
                       "use --home, CIPNODE_HOME or the file in $XDG_CONFIG_HOME/cipnode");
  }
  // An empty array says nothing.
  if (entry.values.empty()) return {};
  if (entry.values.size() > 1 && setting->option->get_delimiter() == '\0') {
    return usage_error(fmt::format("{}: {} takes one value, and there are {}", where, entry.key,
                                   entry.values.size()),
                       "leave the one that counts");
  }
  setting->origin = {Origin::Kind::file, file.string(), entry.line};
  return assign(*setting->option, entry.values, fmt::format("{}: {}", where, entry.key));
}

void Settings::apply_config_file(const std::filesystem::path& path, bool for_home) {
  auto& source =
      sources_.emplace_back(SettingsSource{.file = path, .exists = is_config_there(path)});
  const auto text = read_config(path);
  if (!text) return source.problems.push_back({0, text.error()});
  const auto read = parse_config(*text, path.string());
  for (const auto& entry : read.entries) {
    ++source.settings;
    const auto done = apply_entry(entry, path, for_home);
    if (!done) source.problems.push_back({entry.line, done.error()});
  }
  if (read.problem) source.problems.push_back({read.problem_line, *read.problem});
}

std::optional<Error> Settings::first_problem() const {
  for (const auto& source : sources_) {
    if (!source.problems.empty()) return source.problems.front().error;
  }
  return std::nullopt;
}

}  // namespace cip::cli
