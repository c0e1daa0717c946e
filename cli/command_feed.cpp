// cipnode feed: create, ls, info, append. What moves blocks is in command_feed_transfer.cpp.

#include <fmt/format.h>

#include "cli/application.hpp"
#include "cli/payload_io.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

// ---- create

struct CreateFeedFlags {
  std::string name;
  bool compat = false;
  bool encrypted = false;
  bool derive = false;
  bool is_private = false;
};

int create_feed(Context& context, const CreateFeedFlags& flags) {
  node::Request request{"feed.create", {{"name", flags.name}}};
  if (flags.compat) request.params["compat"] = true;
  if (flags.encrypted) request.params["encrypted"] = true;
  if (flags.derive) request.params["derive"] = true;
  if (flags.is_private) request.params["private"] = true;
  TextPrinter printer(context, [&](const Json& made) {
    Pairs pairs;
    pairs.add("created", text_of(made, "name"));
    pairs.add("key", text_of(made, "key"));
    pairs.add("discovery key", text_of(made, "discoveryKey"));
    pairs.add("encryption key", text_of(made, "encryptionKey"));
    return pairs.text(context.style());
  });
  return run(context, request, printer);
}

void add_create_feed(CommandTree& tree, CLI::App& feed) {
  auto& flags = tree.options<CreateFeedFlags>();
  auto& app =
      tree.add(feed, "create", "Commands",
               {.purpose = "Create a feed that this node writes",
                .timeout = default_timeout("feed.create"),
                .examples = {"cipnode feed create log", "cipnode feed create notes --private"},
                .exits = exits_of("feed.create", {ExitCode::conflict}),
                .run = [&flags](Context& context) { return create_feed(context, flags); }});
  add_value(app, "NAME", flags.name, parse_new_feed_name, "", "Name of the feed in this home")
      ->required();
  add_switch(app, "--compat", flags.compat, "The key is the bare public key, as in older feeds")
      ->group(kCommandFlags);
  add_switch(app, "--encrypted", flags.encrypted, "Encrypt blocks with a key of the feed's own")
      ->group(kCommandFlags);
  add_switch(app, "--derive", flags.derive, "Derive the key pair from the identity and the name")
      ->group(kCommandFlags);
  add_switch(app, "--private", flags.is_private, "Do not announce the feed")->group(kCommandFlags);
}

// ---- ls, info

std::string state_text(const Json& feed) {
  std::vector<std::string> words;
  for (const char* name : {"writable", "encrypted", "seeded"}) {
    if (flag_of(feed, name)) words.emplace_back(name);
  }
  if (feed.contains("frozen") && feed["frozen"].is_object()) words.emplace_back("frozen");
  return fmt::format("{}", fmt::join(words, ", "));
}

int list_feeds(Context& context) {
  TablePrinter printer(
      context, {"name", "key", ">blocks", ">here", ">bytes", "state"},
      [](const Json& feed) -> std::vector<std::string> {
        return {text_of(feed, "name"),
                text_of(feed, "key"),
                count_text(count_of(feed, "length")),
                count_text(count_of(feed, "held")),
                bytes_text(number_of(feed, "byteLength")),
                state_text(feed)};
      },
      "there are no feeds in this home");
  return run(context, {"feed.ls"}, printer);
}

std::string feed_info_text(const Json& feed, Style style) {
  Pairs pairs;
  pairs.add("name", text_of(feed, "name"));
  pairs.add("key", text_of(feed, "key"));
  pairs.add("discovery key", text_of(feed, "discoveryKey"));
  pairs.add("length", fmt::format("{}, {}", plural(count_of(feed, "length"), "block"),
                                  bytes_text(number_of(feed, "byteLength"))));
  pairs.add("here", fmt::format("{}, {} from the start", plural(count_of(feed, "held"), "block"),
                                count_text(count_of(feed, "contiguousLength"))));
  pairs.add("fork", std::to_string(count_of(feed, "fork")));
  pairs.add("tree hash", text_of(feed, "treeHash"));
  pairs.add("state", state_text(feed));
  if (feed.contains("frozen") && feed["frozen"].is_object()) {
    for (const auto& head : feed["frozen"].value("heads", Json::array())) {
      pairs.add("signed", fmt::format("length {}, fork {}, tree hash {}", count_of(head, "length"),
                                      count_of(head, "fork"), text_of(head, "treeHash")));
    }
  }
  pairs.add("peers", count_text(count_of(feed, "peers")));
  return pairs.text(style);
}

int info(Context& context, const std::string& name) {
  TextPrinter printer(context,
                      [&](const Json& feed) { return feed_info_text(feed, context.style()); });
  return run(context, {"feed.info", {{"feed", name}}}, printer);
}

void add_feed_ls_and_info(CommandTree& tree, CLI::App& feed) {
  tree.add(feed, "ls", "Commands",
           {.purpose = "List the feeds of this home",
            .timeout = default_timeout("feed.ls"),
            .examples = {"cipnode feed ls", "cipnode feed ls --json | jq -r .key"},
            .exits = exits_of("feed.ls"),
            .run = list_feeds});
  auto& name = tree.options<std::string>();
  auto& app =
      tree.add(feed, "info", "Commands",
               {.purpose = "Show length, tree hash and state of a feed",
                .timeout = default_timeout("feed.info"),
                .examples = {"cipnode feed info log", "cipnode feed info log --json | jq .length"},
                .exits = exits_of("feed.info", {ExitCode::not_found}),
                .run = [&name](Context& context) { return info(context, name); }});
  add_value(app, "KEY|NAME", name, parse_feed_text, "", "The feed")->required();
}

// ---- append

struct AppendFlags {
  std::string feed;
  std::string file;
  bool lines = false;
  std::optional<std::uint64_t> block_size;
  std::vector<std::string> peers;
  bool assume_latest = false;
};

int append(Context& context, const AppendFlags& flags) {
  auto input = open_input(std::nullopt, flags.file);
  if (!input) return report(context, input.error());
  if (flags.block_size == 0u) {
    return report(context, {ExitCode::usage, "--block-size: a block has at least one byte",
                            "such as --block-size 64k"});
  }
  if (is_typed(*input)) print_notice(context, "type the block, then press Ctrl-D on an empty line");
  node::Request request{"feed.append", {{"feed", flags.feed}}};
  if (flags.lines) request.params["lines"] = true;
  if (flags.block_size) request.params["blockSize"] = *flags.block_size;
  if (!flags.peers.empty()) request.params["peer"] = flags.peers;
  if (flags.assume_latest) request.params["assumeLatest"] = true;
  TextPrinter printer(context, [&](const Json& done) {
    return fmt::format(
        "appended {}, {}; the feed has {}\n", plural(count_of(done, "appended"), "block"),
        bytes_text(number_of(done, "bytes")), plural(count_of(done, "length"), "block"));
  });
  return run(context, request, printer, input->fd());
}

void add_append(CommandTree& tree, CLI::App& feed) {
  auto& flags = tree.options<AppendFlags>();
  auto& app =
      tree.add(feed, "append", "Commands",
               {.purpose = "Append stdin or a file to a feed: as one block, by lines or by size",
                .timeout = default_timeout("feed.append"),
                .examples = {"echo hello | cipnode feed append log --lines",
                             "cipnode feed append log --file photo.jpg --block-size 64k"},
                .exits = exits_of("feed.append",
                                  {ExitCode::not_found, ExitCode::no_route, ExitCode::conflict}),
                .run = [&flags](Context& context) { return append(context, flags); }});
  add_value(app, "NAME", flags.feed, parse_feed_text, "", "A feed that this node writes")
      ->required();
  add_value(app, "--file", flags.file, parse_text, "FILE", "Read this file instead of stdin")
      ->group(kCommandFlags);
  auto* lines =
      add_switch(app, "--lines", flags.lines, "Every line is a block, without its newline");
  lines->group(kCommandFlags);
  add_value(app, "--block-size", flags.block_size, parse_size, "SIZE",
            "Cut into blocks of this size")
      ->group(kCommandFlags)
      ->excludes(lines);
  add_list(app, "--peer", flags.peers, parse_peer, "PEER",
           "Before the first append ask there whether the feed is longer: HOST:PORT, or the key "
           "of a node (repeatable)")
      ->group(kCommandFlags);
  add_assume_latest(app, flags.assume_latest);
}

}  // namespace

void add_feed_commands(CommandTree& tree) {
  auto& feed = tree.add(tree.root(), "feed", "Data",
                        {.purpose = "Signed append-only logs: create, append, fetch, serve",
                         .examples = {"cipnode feed create log", "cipnode feed ls"},
                         .run = {}});
  add_create_feed(tree, feed);
  add_feed_ls_and_info(tree, feed);
  add_append(tree, feed);
  add_feed_transfer_commands(tree, feed);
  add_feed_change_commands(tree, feed);
}

}  // namespace cip::cli
