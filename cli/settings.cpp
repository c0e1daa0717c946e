#include "cli/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "cli/flags.hpp"
#include "cli/suggest.hpp"

namespace cip::cli {
namespace {

bool is_switch(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

std::string flag_of(const CLI::Option& option) { return "--" + option.get_lnames().front(); }

// Hands values to a flag as if they had been typed. `where` names their source in messages.
Outcome<void> assign(CLI::Option& option, const std::vector<std::string>& values,
                     const std::string& where) {
  try {
    if (is_switch(option)) {
      const auto given = values.empty() ? Parsed<bool>(false) : parse_switch(values.back());
      if (!given) return usage_error(fmt::format("{}: {}", where, given.error()));
      if (!*given) return {};
      option.add_result("true");
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

std::string config_key(std::string_view long_flag) {
  return std::string(long_flag.substr(long_flag.find_first_not_of('-')));
}

std::string environment_name(std::string_view long_flag) {
  std::string out = "CIPNODE_";
  for (const char letter : config_key(long_flag)) {
    out.push_back(
        letter == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter))));
  }
  return out;
}

bool Settings::has(const CLI::Option* option) const {
  return std::ranges::find(options_, option) != options_.end();
}

CLI::Option* Settings::find(std::string_view key) const {
  for (auto* option : options_) {
    if (option->get_lnames().front() == key) return option;
  }
  return nullptr;
}

Outcome<void> Settings::apply_environment(const Environment& environment) {
  for (auto* option : options_) {
    if (option->count() > 0) continue;
    const auto name = environment_name(flag_of(*option));
    const auto value = environment(name);
    if (!value) continue;
    std::vector<std::string> values{*value};
    if (option->get_delimiter() != '\0')
      values = CLI::detail::split(*value, option->get_delimiter());
    if (auto done = assign(*option, values, name); !done) return done;
  }
  return {};
}

Outcome<void> Settings::apply_entry(const ConfigEntry& entry, const std::string& where) {
  auto* option = find(entry.key);
  if (option == nullptr) {
    std::vector<std::string> known;
    for (const auto* other : options_) known.push_back(other->get_lnames().front());
    const auto close = nearest(entry.key, known);
    return usage_error(fmt::format("{}: unknown setting '{}'", where, entry.key),
                       close.empty()
                           ? "remove it, or install the version of cipnode that knows it; "
                             "settings are the long names of the flags of cipnode join"
                           : fmt::format("did you mean '{}'?", close));
  }
  if (option->count() > 0) return {};
  return assign(*option, entry.values, fmt::format("{}: {}", where, entry.key));
}

Outcome<void> Settings::apply_config_file(const std::filesystem::path& path, bool for_home) {
  const auto text = read_config(path);
  if (!text) return tl::unexpected(text.error());
  const auto entries = parse_config(*text, path.string());
  if (!entries) return tl::unexpected(entries.error());
  for (const auto& entry : *entries) {
    const auto where = fmt::format("{}, line {}", path.string(), entry.line);
    if (for_home && entry.key == "home") {
      return usage_error(where + ": a home cannot name another home",
                         "use --home, CIPNODE_HOME or the file in $XDG_CONFIG_HOME/cipnode");
    }
    if (auto done = apply_entry(entry, where); !done) return done;
  }
  return {};
}

}  // namespace cip::cli
