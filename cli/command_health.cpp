// cipnode health: what a monitor asks; one line for each check, the code of the first that fails.

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/application.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

class HealthPrinter final : public Printer {
 public:
  using Printer::Printer;
  int first_failure() const { return first_failure_; }

 private:
  void observe(const Json& health) override {
    for (const auto& check : health.value("checks", Json::array())) {
      if (flag_of(check, "ok") || first_failure_ != 0) continue;
      const auto code = node::exit_code_of(static_cast<int>(count_of(check, "code")));
      first_failure_ = static_cast<int>(code == ExitCode::ok ? ExitCode::internal : code);
    }
  }

  void print(const Json& health) override {
    for (const auto& check : health.value("checks", Json::array())) {
      const bool ok = flag_of(check, "ok");
      auto text = text_of(check, "message");
      const auto hint = text_of(check, "hint");
      if (!ok && !hint.empty()) text += "; " + hint;
      if (context_.style().escape) text = escape_for_terminal(text);
      context_.console.out_line(
          fmt::format("{}  {:<8}  {}", ok ? "ok  " : "fail", text_of(check, "check"), text));
    }
  }

  int first_failure_ = 0;
};

int health(Context& context) {
  HealthPrinter printer(context);
  const auto code = run(context, {"health"}, printer);
  return code != 0 ? code : printer.first_failure();
}

}  // namespace

void add_health_command(CommandTree& tree) {
  tree.add(tree.root(), "health", "Node",
           {.purpose = "Say whether the running node can do its work, for monitors",
            .details = "One line for each check; the exit code is 0, that of the first check that "
                       "fails, or 8 when no node runs.",
            .timeout = default_timeout("health"),
            .examples = {"cipnode health", "cipnode health --json | jq .ok"},
            .exits = exits_of("health", {ExitCode::no_route, ExitCode::full, ExitCode::conflict,
                                         ExitCode::corrupt}),
            .run = health});
}

}  // namespace cip::cli
