// cipnode feed: verify, and truncate, clear, drop: what takes away from a feed.

#include <fmt/format.h>

#include "cli/application.hpp"
#include "cli/printer.hpp"
#include "cli/progress.hpp"

namespace cip::cli {
namespace {

// Whether to go on with what cannot be undone: --yes, or a yes typed at the terminal.
Outcome<void> confirm(Context& context, bool yes, const std::string& what) {
  if (yes) return {};
  const auto answer = context.console.ask(what + " This cannot be undone. Go on? [y/N] ");
  if (!answer) return usage_error(what + " This cannot be undone.", "add --yes to go on");
  if (*answer == "y" || *answer == "yes") return {};
  return usage_error("nothing was changed");
}

void add_feed_and_yes(CLI::App& app, const char* name, std::string& feed, bool& yes) {
  add_value(app, name, feed, parse_feed_text, "", "The feed")->required();
  add_switch(app, "--yes", yes, "Do not ask")->group(kCommandFlags);
}

// ---- truncate

struct TruncateFlags {
  std::string feed;
  std::uint64_t length = 0;
  bool yes = false;
};

int truncate(Context& context, const TruncateFlags& flags) {
  const auto sure = confirm(
      context, flags.yes,
      fmt::format(
          "All blocks of {} from {} on will be gone, here and on every node that follows it.",
          flags.feed, flags.length));
  if (!sure) return report(context, sure.error());
  TextPrinter printer(context, [](const Json& done) {
    return fmt::format("cut to {}; this is fork {} of the feed\n",
                       plural(count_of(done, "length"), "block"), count_of(done, "fork"));
  });
  return run(context, {"feed.truncate", {{"feed", flags.feed}, {"length", flags.length}}}, printer);
}

void add_truncate(CommandTree& tree, CLI::App& feed) {
  auto& flags = tree.options<TruncateFlags>();
  auto& app = tree.add(
      feed, "truncate", "Commands",
      {.purpose = "Cut an own feed to a length; what follows begins a new fork",
       .details = "Readers that follow the feed take the new history in place of the old one.",
       .timeout = default_timeout("feed.truncate"),
       .examples = {"cipnode feed truncate log 100", "cipnode feed truncate log 0 --yes"},
       .exits = exits_of("feed.truncate", {ExitCode::not_found, ExitCode::conflict}),
       .run = [&flags](Context& context) { return truncate(context, flags); }});
  add_feed_and_yes(app, "NAME", flags.feed, flags.yes);
  add_value(app, "LENGTH", flags.length, parse_count, "", "Blocks that stay")->required();
}

// ---- clear

struct ClearFlags {
  std::string feed;
  std::optional<BlockRange> range;
  bool yes = false;
};

int clear(Context& context, const ClearFlags& flags) {
  node::Request request{"feed.clear", {{"feed", flags.feed}, {"range", to_text(*flags.range)}}};
  if (flags.yes) request.params["yes"] = true;
  TextPrinter printer(context, [](const Json& done) {
    return fmt::format("cleared {}\n", plural(count_of(done, "cleared"), "block"));
  });
  return run(context, request, printer);
}

void add_clear(CommandTree& tree, CLI::App& feed) {
  auto& flags = tree.options<ClearFlags>();
  auto& app = tree.add(
      feed, "clear", "Commands",
      {.purpose = "Forget blocks of a feed and give their disk back",
       .details =
           "The tree stays, so that the blocks can be fetched again from others. Blocks of an "
           "own feed go only with --yes: they may be nowhere else.",
       .timeout = default_timeout("feed.clear"),
       .examples = {"cipnode feed clear KEY --range 0..1000",
                    "cipnode feed clear log --range 0..500 --yes"},
       .exits = exits_of("feed.clear", {ExitCode::not_found, ExitCode::conflict}),
       .run = [&flags](Context& context) { return clear(context, flags); }});
  add_feed_and_yes(app, "KEY|NAME", flags.feed, flags.yes);
  add_value(app, "--range", flags.range, parse_range, "A..B", "Blocks A to B, B not included")
      ->required()
      ->group(kCommandFlags);
}

// ---- verify

std::string verify_text(const Json& found) {
  auto out = fmt::format("checked {}, {}\n", plural(count_of(found, "blocks"), "block"),
                         plural(count_of(found, "nodes"), "node"));
  for (const auto& part : found.value("bad", Json::array())) {
    out += fmt::format("bad  {} {}: {}\n", text_of(part, "kind"), count_of(part, "index"),
                       text_of(part, "reason"));
  }
  return out;
}

class VerifyPrinter final : public Printer {
 public:
  explicit VerifyPrinter(Context& context) : Printer(context), bar_(context) {}

  void on_progress(const Json& state) override {
    bar_.update(count_of(state, "blocks"), count_of(state, "totalBlocks"), 0, "blocks");
  }

 private:
  void observe(const Json&) override { bar_.clear(); }
  void print(const Json& found) override { context_.console.write_out(verify_text(found)); }

  ProgressBar bar_;
};

int verify(Context& context, const std::string& feed) {
  VerifyPrinter printer(context);
  return run(context, {"feed.verify", {{"feed", feed}}}, printer);
}

void add_verify(CommandTree& tree, CLI::App& feed) {
  auto& name = tree.options<std::string>();
  auto& app =
      tree.add(feed, "verify", "Commands",
               {.purpose = "Check every block, tree node and signature of a feed on disk",
                .timeout = default_timeout("feed.verify"),
                .examples = {"cipnode feed verify log", "cipnode feed verify KEY --json | jq .bad"},
                .exits = exits_of("feed.verify", {ExitCode::not_found}),
                .run = [&name](Context& context) { return verify(context, name); }});
  add_value(app, "KEY|NAME", name, parse_feed_text, "", "The feed")->required();
}

// ---- drop

struct DropFeedFlags {
  std::string feed;
  bool yes = false;
};

int drop_feed(Context& context, const DropFeedFlags& flags) {
  const auto sure = confirm(
      context, flags.yes,
      fmt::format("{} will be gone from this home; if it is an own feed, nobody can append to it "
                  "any more.",
                  flags.feed));
  if (!sure) return report(context, sure.error());
  TextPrinter printer(
      context, [](const Json& done) { return fmt::format("dropped {}\n", text_of(done, "key")); });
  return run(context, {"feed.drop", {{"feed", flags.feed}}}, printer);
}

void add_drop_feed(CommandTree& tree, CLI::App& feed) {
  auto& flags = tree.options<DropFeedFlags>();
  auto& app = tree.add(feed, "drop", "Commands",
                       {.purpose = "Forget a feed: blocks, tree and, of an own feed, its secret",
                        .timeout = default_timeout("feed.drop"),
                        .examples = {"cipnode feed drop log", "cipnode feed drop KEY --yes"},
                        .exits = exits_of("feed.drop", {ExitCode::not_found}),
                        .run = [&flags](Context& context) { return drop_feed(context, flags); }});
  add_feed_and_yes(app, "KEY|NAME", flags.feed, flags.yes);
}

}  // namespace

void add_feed_change_commands(CommandTree& tree, CLI::App& feed) {
  add_truncate(tree, feed);
  add_clear(tree, feed);
  add_verify(tree, feed);
  add_drop_feed(tree, feed);
}

}  // namespace cip::cli
