// cipnode feed: cat, download, follow, seed, unseed: what moves blocks between nodes.

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/application.hpp"
#include "cli/files.hpp"
#include "cli/payload_io.hpp"
#include "cli/printer.hpp"
#include "cli/progress.hpp"

namespace cip::cli {
namespace {

// A key takes 71 bytes in its longest form.
constexpr std::size_t kLargestKeyFile = 4096;

// Flags of everything that fetches.
struct FetchFlags {
  std::string feed;
  std::optional<BlockRange> range;
  std::string key_file;
  std::vector<std::string> peers;
};

void add_feed_argument(CLI::App& app, std::string& feed) {
  add_value(app, "KEY|NAME", feed, parse_feed_text, "", "The feed")->required();
}

void add_fetch_flags(CLI::App& app, FetchFlags& flags) {
  add_list(app, "--peer", flags.peers, parse_peer, "PEER",
           "Connect to this peer alone: HOST:PORT, or the key of its node (repeatable)")
      ->group(kCommandFlags);
  add_value(app, "--encryption-key-file", flags.key_file, parse_text, "FILE",
            "Key of an encrypted feed, in any text form")
      ->group(kCommandFlags);
}

void add_range(CLI::App& app, FetchFlags& flags) {
  add_value(app, "--range", flags.range, parse_range, "A..B", "Blocks A to B, B not included")
      ->default_str("all")
      ->group(kCommandFlags);
}

// The key in a file: the daemon never opens files of users.
Outcome<std::string> read_key_file(const std::string& path) {
  auto text = read_file(path, "the key file", kLargestKeyFile);
  if (!text) return tl::unexpected(text.error());
  constexpr std::string_view kBlank = " \t\r\n";
  text->erase(0, text->find_first_not_of(kBlank));
  text->erase(text->find_last_not_of(kBlank) + 1);
  const auto key = parse_key_text(*text);
  if (!key) return usage_error(path + ": " + key.error(), "the file holds the key as z32 or hex");
  return to_z32(*key);
}

Outcome<node::Request> fetch_request(const char* method, const FetchFlags& flags) {
  node::Request request{method, {{"feed", flags.feed}}};
  if (flags.range) request.params["range"] = to_text(*flags.range);
  if (!flags.peers.empty()) request.params["peer"] = flags.peers;
  if (!flags.key_file.empty()) {
    const auto key = read_key_file(flags.key_file);
    if (!key) return tl::unexpected(key.error());
    request.params["encryptionKey"] = *key;
  }
  return request;
}

const std::vector<ExitCode> kFetchExits = {ExitCode::not_found, ExitCode::no_route,
                                           ExitCode::conflict, ExitCode::corrupt};

// ---- cat

struct CatFlags : FetchFlags {
  bool raw = false;
};

class CatPrinter final : public Printer {
 public:
  CatPrinter(Context& context, bool raw)
      : Printer(context), escape_(context.console.out_is_terminal && !raw) {}

  void on_data(ByteView bytes) override {
    const auto text = cip::text_of(bytes);
    context_.console.write_out(escape_ ? escaper_.escape(text) : std::string(text));
  }
  void finish() override { context_.console.write_out(escaper_.finish()); }

 private:
  void print(const Json&) override {}

  bool escape_;
  TerminalEscaper escaper_;
};

int cat(Context& context, const CatFlags& flags) {
  const auto request = fetch_request("feed.cat", flags);
  if (!request) return report(context, request.error());
  CatPrinter printer(context, flags.raw);
  return run(context, *request, printer);
}

void add_cat(CommandTree& tree, CLI::App& feed) {
  auto& flags = tree.options<CatFlags>();
  auto& app =
      tree.add(feed, "cat", "Commands",
               {.purpose = "Write the bytes of a feed to stdout, fetched if they are not here",
                .timeout = default_timeout("feed.cat"),
                .examples = {"cipnode feed cat log", "cipnode feed cat log --range 0..10 > head"},
                .exits = exits_of("feed.cat", kFetchExits),
                .run = [&flags](Context& context) { return cat(context, flags); }});
  add_feed_argument(app, flags.feed);
  add_range(app, flags);
  add_fetch_flags(app, flags);
  add_switch(app, "--raw", flags.raw, "Control characters go to a terminal as they are")
      ->group(kCommandFlags);
}

// ---- download

std::string rate_text(const Json& done) {
  return fmt::format("{} blocks/s, {}/s",
                     count_text(static_cast<std::uint64_t>(number_of(done, "blocksPerSecond"))),
                     bytes_text(number_of(done, "bytesPerSecond")));
}

class DownloadPrinter final : public Printer {
 public:
  explicit DownloadPrinter(Context& context) : Printer(context), bar_(context) {}

  void on_progress(const Json& state) override {
    bar_.update(count_of(state, "blocks"), count_of(state, "totalBlocks"), count_of(state, "bytes"),
                "blocks");
  }
  void on_notice(std::string_view sentence) override {
    bar_.clear();
    Printer::on_notice(sentence);
  }

 private:
  void observe(const Json&) override { bar_.clear(); }
  void print(const Json& done) override {
    Pairs pairs;
    pairs.add("downloaded", text_of(done, "key"));
    pairs.add("blocks", fmt::format("{}, {} in {}", count_text(count_of(done, "blocks")),
                                    bytes_text(number_of(done, "bytes")),
                                    duration_text(number_of(done, "tookMs"))));
    pairs.add("rate", rate_text(done));
    pairs.add("tree hash", text_of(done, "treeHash"));
    pairs.add("state", state_text(done));
    context_.console.write_out(pairs.text(context_.style()));
  }

  static std::string state_text(const Json& done) {
    const auto length = plural(count_of(done, "length"), "block");
    return done.value("inSync", false)
               ? fmt::format("in sync: all {} of the feed are here", length)
               : fmt::format("the blocks asked for are here; the feed has {}", length);
  }

  ProgressBar bar_;
};

int download(Context& context, const FetchFlags& flags) {
  const auto request = fetch_request("feed.download", flags);
  if (!request) return report(context, request.error());
  DownloadPrinter printer(context);
  return run(context, *request, printer);
}

void add_download(CommandTree& tree, CLI::App& feed) {
  auto& flags = tree.options<FetchFlags>();
  auto& app = tree.add(
      feed, "download", "Commands",
      {.purpose = "Fetch a feed, verify it and keep it",
       .timeout = default_timeout("feed.download"),
       .examples = {"cipnode feed download log", "cipnode feed download log --range 0..100 --json"},
       .exits = exits_of("feed.download", kFetchExits),
       .run = [&flags](Context& context) { return download(context, flags); }});
  add_feed_argument(app, flags.feed);
  add_range(app, flags);
  add_fetch_flags(app, flags);
}

// ---- follow

struct FollowFlags : FetchFlags {
  std::string from;
  PayloadFormat format;
};

Parsed<std::string> parse_from(std::string_view text) {
  if (text == "new" || parse_count(text)) return std::string(text);
  return tl::unexpected<std::string>("neither new nor the index of a block");
}

class FollowPrinter final : public Printer {
 public:
  FollowPrinter(Context& context, PayloadFormat format) : Printer(context), format_(format) {}

 private:
  void print(const Json& block) override {
    if (const auto payload = payload_of(block)) print_payload(context_.console, *payload, format_);
  }
  PayloadFormat format_;
};

int follow(Context& context, const FollowFlags& flags) {
  auto request = fetch_request("feed.follow", flags);
  if (!request) return report(context, request.error());
  if (flags.from == "new") request->params["from"] = "new";
  if (const auto index = parse_count(flags.from)) request->params["from"] = *index;
  FollowPrinter printer(context, flags.format);
  return run(context, *request, printer);
}

void add_follow(CommandTree& tree, CLI::App& feed) {
  auto& flags = tree.options<FollowFlags>();
  auto& app = tree.add(
      feed, "follow", "Commands",
      {.purpose = "Print the blocks of a feed as they come, until a signal",
       .timeout = default_timeout("feed.follow"),
       .examples = {"cipnode feed follow log", "cipnode feed follow log --from new --json"},
       .exits = exits_of("feed.follow", kFetchExits),
       .run = [&flags](Context& context) { return follow(context, flags); }});
  add_feed_argument(app, flags.feed);
  add_value(app, "--from", flags.from, parse_from, "INDEX|new", "First block to print")
      ->default_str("0")
      ->group(kCommandFlags);
  add_fetch_flags(app, flags);
  add_payload_flags(app, flags.format);
  tree.settings().add_flags_of(app);
}

// ---- seed, unseed

struct SeedFlags {
  std::vector<std::string> feeds;
  std::optional<Endpoint> listen;
  bool once = false;
  std::vector<std::string> peers;
};

std::string seed_text(const Json& object, Style style) {
  if (text_of(object, "event") != "ready") {
    return fmt::format("seeding {}\n", text_of(object, "key"));
  }
  Pairs pairs;
  pairs.add("ready", "tcp " + text_of(object, "tcp"));
  for (const auto& key : object.value("keys", Json::array())) {
    if (key.is_string()) pairs.add("key", key.get<std::string>());
  }
  return pairs.text(style);
}

int seed(Context& context, const SeedFlags& flags) {
  if (flags.once && !flags.listen) {
    return report(context, {ExitCode::usage, "--once needs --listen", "add --listen HOST:PORT"});
  }
  node::Request request{"feed.seed", {{"feeds", flags.feeds}}};
  if (flags.listen) request.params["listen"] = to_string(*flags.listen);
  if (flags.once) request.params["once"] = true;
  if (!flags.peers.empty()) request.params["peer"] = flags.peers;
  TextPrinter printer(context,
                      [&](const Json& object) { return seed_text(object, context.style()); });
  return run(context, request, printer);
}

// Served feeds end with their node, and then nothing is left to confirm.
std::vector<ExitCode> seed_exits() {
  auto exits = exits_of("feed.seed", kFetchExits);
  exits.push_back(ExitCode::no_daemon);
  return exits;
}

void add_seed(CommandTree& tree, CLI::App& feed) {
  auto& flags = tree.options<SeedFlags>();
  auto& app =
      tree.add(feed, "seed", "Commands",
               {.purpose = "Keep feeds of others and serve them",
                .details = "With --listen it serves without a DHT until a signal.",
                .timeout = default_timeout("feed.seed"),
                .examples = {"cipnode feed seed log", "cipnode feed seed log --listen 127.0.0.1:0"},
                .exits = seed_exits(),
                .run = [&flags](Context& context) { return seed(context, flags); }});
  add_list(app, "KEY|NAME", flags.feeds, parse_feed_text, "", "The feeds")->required();
  add_value(app, "--listen", flags.listen, parse_listen, "HOST:PORT",
            "Serve on this TCP address, without the DHT")
      ->group(kCommandFlags);
  add_switch(app, "--once", flags.once, "End after the first peer has gone (with --listen)")
      ->group(kCommandFlags);
  add_list(app, "--peer", flags.peers, parse_peer, "PEER",
           "Connect to this peer alone: HOST:PORT, or the key of its node (repeatable)")
      ->group(kCommandFlags);
  tree.settings().add_flags_of(app);
}

void add_unseed(CommandTree& tree, CLI::App& feed) {
  auto& name = tree.options<std::string>();
  auto& app = tree.add(feed, "unseed", "Commands",
                       {.purpose = "Stop serving a feed of others; what is here becomes cache",
                        .timeout = default_timeout("feed.unseed"),
                        .examples = {"cipnode feed unseed log", "cipnode feed unseed log --json"},
                        .exits = exits_of("feed.unseed", {ExitCode::not_found}),
                        .run = [&name](Context& context) {
                          TextPrinter printer(context, [](const Json& done) {
                            return fmt::format("no longer seeding {}\n", text_of(done, "key"));
                          });
                          return run(context, {"feed.unseed", {{"feed", name}}}, printer);
                        }});
  add_feed_argument(app, name);
}

}  // namespace

void add_feed_transfer_commands(CommandTree& tree, CLI::App& feed) {
  add_cat(tree, feed);
  add_download(tree, feed);
  add_follow(tree, feed);
  add_seed(tree, feed);
  add_unseed(tree, feed);
}

}  // namespace cip::cli
