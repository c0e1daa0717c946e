#pragma once

// Flags and arguments on top of CLI11: typed values that say in our own words what is wrong with
// them. Names are as CLI11 takes them: "-q,--quiet" is a flag, "TOPIC" an argument.

#include <CLI/CLI.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/parse.hpp"

namespace cip::cli {

// Thrown through CLI11 by values that are none, and caught where a command line is parsed. The text
// begins with the flag.
class BadValue : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <typename T>
using Parse = Parsed<T> (*)(std::string_view);

// "--quiet" of "-q,--quiet".
std::string long_name(const std::string& names);

template <typename T>
T parse_or_throw(const std::string& names, Parse<T> parse, const std::string& text) {
  auto value = parse(text);
  if (!value) throw BadValue(long_name(names) + ": " + value.error());
  return std::move(*value);
}

// A value; of several given the last counts. `target` (a T or an optional<T>) outlives the app.
template <typename T, typename Target>
CLI::Option* add_value(CLI::App& app, const std::string& names, Target& target, Parse<T> parse,
                       const std::string& type, const std::string& help) {
  auto* option = app.add_option(
      names,
      [&target, parse, names](const CLI::results_t& texts) {
        target = parse_or_throw(names, parse, texts.back());
        return true;
      },
      help);
  return option->type_name(type)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

// A flag that may be repeated, each time with one value (or several between commas).
template <typename T>
CLI::Option* add_list(CLI::App& app, const std::string& names, std::vector<T>& target,
                      Parse<T> parse, const std::string& type, const std::string& help) {
  auto* option = app.add_option(
      names,
      [&target, parse, names](const CLI::results_t& texts) {
        target.clear();
        for (const auto& text : texts) target.push_back(parse_or_throw(names, parse, text));
        return true;
      },
      help);
  const bool argument = names.front() != '-';
  option->type_name(type)->expected(1, CLI::detail::expected_max_vector_size);
  // A flag takes one value at a time, so that it does not swallow the arguments behind it.
  option->allow_extra_args(argument);
  if (!argument) option->delimiter(',');
  return option;
}

// A flag without a value; sets `target` to `meaning`.
CLI::Option* add_switch(CLI::App& app, const std::string& names, bool& target,
                        const std::string& help, bool meaning = true);
bool is_switch(const CLI::Option& option);

}  // namespace cip::cli
