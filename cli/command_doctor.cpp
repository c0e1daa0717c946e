// cipnode doctor: one line for each check, the exit code of the first failing class.

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/application.hpp"
#include "cli/colours.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

class DoctorPrinter final : public Printer {
 public:
  using Printer::Printer;
  // The code of the first check that failed; 0 when all is well.
  int first_failure() const { return first_failure_; }

 private:
  void observe(const Json& check) override {
    if (flag_of(check, "ok") || first_failure_ != 0) return;
    const auto code = node::exit_code_of(static_cast<int>(count_of(check, "code")));
    // A failure without a class of its own is still one.
    first_failure_ = static_cast<int>(code == ExitCode::ok ? ExitCode::internal : code);
  }

  // ok    clock   2 ms off
  // skip  lan     not looked at (--no-lan)
  // fail  bind    port 49737 is taken; try --listen 0.0.0.0:0
  void print(const Json& check) override {
    const bool ok = flag_of(check, "ok");
    const bool tried = flag_of(check, "tried");
    const std::string word = !ok ? "fail" : tried ? "ok  " : "skip";
    auto text = text_of(check, "message");
    const auto hint = text_of(check, "hint");
    if (!ok && !hint.empty()) text += "; " + hint;
    if (context_.style().escape) text = escape_for_terminal(text);
    const auto mark = context_.console.colour && (tried || !ok)
                          ? fmt::format("{}{}{}", ok ? kGreen : kRed, word, kPlain)
                          : word;
    context_.console.out_line(fmt::format("{}  {:<14}  {}", mark, text_of(check, "check"), text));
  }

  int first_failure_ = 0;
};

int doctor(Context& context) {
  node::Request request{"doctor"};
  DoctorPrinter printer(context);
  const auto code = run(context, request, printer);
  return code != 0 ? code : printer.first_failure();
}

}  // namespace

void add_doctor_command(CommandTree& tree) {
  tree.add(
      tree.root(), "doctor", "Node",
      {.purpose = "Check what a node needs: ports, clock, own address, network, reachability",
       .details =
           "One line for each check, `skip` for what could not be tried; the exit code is that "
           "of the first that fails.",
       .timeout = default_timeout("doctor"),
       .examples = {"cipnode doctor", "cipnode doctor --json | jq 'select(.ok | not)'"},
       .exits = exits_of("doctor", {ExitCode::not_found, ExitCode::no_route}),
       .run = doctor});
}

}  // namespace cip::cli
