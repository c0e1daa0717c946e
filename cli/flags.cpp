#include "cli/flags.hpp"

namespace cip::cli {

std::string long_name(const std::string& names) {
  const auto comma = names.rfind(',');
  return comma == std::string::npos ? names : names.substr(comma + 1);
}

CLI::Option* add_switch(CLI::App& app, const std::string& names, bool& target,
                        const std::string& help, bool meaning) {
  return app.add_flag(
      names,
      [&target, meaning, names](std::int64_t count) { target = count > 0 ? meaning : !meaning; },
      help);
}

bool is_switch(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

}  // namespace cip::cli
