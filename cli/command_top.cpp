// cipnode top: what the running node does, drawn anew every second.

#include "base/duration.hpp"
#include "cli/application.hpp"
#include "cli/printer.hpp"
#include "cli/top_view.hpp"

namespace cip::cli {
namespace {

struct TopFlags {
  std::optional<Duration> interval;
  bool once = false;
};

Parsed<Duration> parse_interval(std::string_view text) {
  const auto interval = parse_duration(text);
  if (interval && *interval < std::chrono::milliseconds(100)) {
    return tl::unexpected("'" + std::string(text) + "' is too short; a view takes 100ms at least");
  }
  return interval;
}

// Nothing of the terminal is changed that would have to be put back.
class TopPrinter final : public Printer {
 public:
  TopPrinter(Context& context, bool once)
      : Printer(context), draws_(context.console.out_is_terminal && !once) {}

 private:
  void print(const Json& sample) override {
    auto& console = context_.console;
    if (!draws_) {
      console.write_out((is_first_ ? "" : "\n") + top_text(sample));
      is_first_ = false;
      return;
    }
    const auto size = console.size();
    console.write_out(redrawn(top_text(sample, size), drawn_ != size));
    drawn_ = size;
  }

  bool draws_;
  bool is_first_ = true;
  std::optional<TerminalSize> drawn_;
};

int top(Context& context, const TopFlags& flags) {
  node::Request request{"top"};
  if (flags.interval) request.params["intervalMs"] = to_ms(*flags.interval);
  if (flags.once) request.params["count"] = 1;
  TopPrinter printer(context, flags.once);
  return run(context, request, printer);
}

}  // namespace

void add_top_command(CommandTree& tree) {
  auto& flags = tree.options<TopFlags>();
  auto& app = tree.add(
      tree.root(), "top", "Node",
      {.purpose = "Watch the running node: peers, feeds and topics with their rates, and drops",
       .details = "On a terminal the view is drawn anew for each interval, until Ctrl-C; elsewhere "
                  "one view comes after the other. Those that move most stand in front. With "
                  "--json each line is a sample.",
       .timeout = default_timeout("top"),
       .examples = {"cipnode top", "cipnode top --once --json | jq .dht"},
       .exits = exits_of("top"),
       .run = [&flags](Context& context) { return top(context, flags); }});
  add_value(app, "--interval", flags.interval, parse_interval, "DURATION",
            "Between two samples; 100ms at least (default: 1s)")
      ->group(kCommandFlags);
  add_switch(app, "--once", flags.once, "One sample, after one interval")->group(kCommandFlags);
  tree.settings().add_flags_of(app);
}

}  // namespace cip::cli
