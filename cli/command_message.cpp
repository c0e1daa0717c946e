// cipnode publish and subscribe: messages of topics, byte for byte.

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/application.hpp"
#include "cli/payload_io.hpp"
#include "cli/printer.hpp"
#include "node/signals.hpp"

namespace cip::cli {
namespace {

Parsed<std::optional<std::string>> parse_message(std::string_view text) {
  return std::optional<std::string>(text);  // any bytes, none at all included
}

// ---- publish

struct PublishFlags {
  std::string topic;
  std::optional<std::string> message;
  std::string file;
  bool lines = false;
  std::optional<std::uint64_t> confirm;
  bool assume_latest = false;
};

// No peer had confirmed it when the node answered.
constexpr const char* kOnlyHere = ", by no other peer yet";

// One line for each message, or with --lines one for all of them.
class PublishPrinter final : public Printer {
 public:
  PublishPrinter(Context& context, bool summary) : Printer(context), summary_(summary) {}

  void finish() override {
    if (!summary_) return;
    auto text = fmt::format("published {}, {}", plural(messages_, "message"),
                            bytes_text(static_cast<double>(bytes_)));
    if (confirmed_ > 0) {
      text += fmt::format(", each written by {} or more", plural(confirmed_, "peer"));
    } else if (messages_ > 0) {
      text += kOnlyHere;
    }
    context_.console.out_line(text);
  }

 private:
  void print(const Json& done) override {
    const auto confirmed = count_of(done, "confirmed");
    confirmed_ = messages_ == 0 ? confirmed : std::min(confirmed_, confirmed);
    ++messages_;
    bytes_ += count_of(done, "bytes");
    if (summary_) return;
    auto text = fmt::format("published message {}, {}", count_text(count_of(done, "seq")),
                            bytes_text(number_of(done, "bytes")));
    text += confirmed > 0 ? ", written by " + plural(confirmed, "peer") : kOnlyHere;
    context_.console.out_line(text);
  }

  bool summary_;
  std::uint64_t messages_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t confirmed_ = 0;
};

int publish(Context& context, const PublishFlags& flags) {
  const auto input = open_input(flags.message, flags.file);
  if (!input) return report(context, input.error());
  if (is_typed(*input))
    print_notice(context, "type the message, then press Ctrl-D on an empty line");
  node::Request request{"publish", {{"topic", flags.topic}}};
  if (flags.lines) request.params["lines"] = true;
  if (flags.confirm) request.params["confirm"] = *flags.confirm;
  if (flags.assume_latest) request.params["assumeLatest"] = true;
  PublishPrinter printer(context, flags.lines);
  return run(context, request, printer, input->fd());
}

void add_publish(CommandTree& tree) {
  auto& flags = tree.options<PublishFlags>();
  auto& app = tree.add(
      tree.root(), "publish", "Data",
      {.purpose = "Publish a message to a topic: the argument, a file or stdin",
       .details =
           "Without --lines the whole input is one message. With --no-daemon it returns when one "
           "peer wrote it, or after 10 s; later subscribers get it from the topic all the same.",
       .timeout = default_timeout("publish"),
       .examples = {"cipnode publish weather \"rain at noon\"",
                    "tail -f log | cipnode publish log --lines"},
       .exits = exits_of("publish", {ExitCode::no_route, ExitCode::conflict}),
       .run = [&flags](Context& context) { return publish(context, flags); }});
  add_value(app, "TOPIC", flags.topic, parse_topic_text, "", "A name, topic:KEY or id:HEX")
      ->required();
  add_value(app, "MESSAGE", flags.message, parse_message, "", "The message; without it: stdin");
  add_value(app, "--file", flags.file, parse_text, "FILE", "Read this file instead of stdin")
      ->group(kCommandFlags);
  add_switch(app, "--lines", flags.lines, "Every line is a message, sent as it comes")
      ->group(kCommandFlags);
  add_value(app, "--confirm", flags.confirm, parse_count, "N", "Wait until N peers wrote it")
      ->group(kCommandFlags);
  add_assume_latest(app, flags.assume_latest);
}

// ---- subscribe

struct SubscribeFlags {
  std::vector<std::string> topics;
  std::string since;
  std::optional<Bytes32> author;
  std::string durable;
  std::optional<std::uint64_t> count;
  std::optional<Duration> idle;
  bool until_synced = false;
  std::string command;
  PayloadFormat format;
};

// What --exec tells about a message besides its bytes.
std::vector<std::string> message_variables(const Json& message) {
  return {"CIPNODE_MESSAGE_TOPIC=" + text_of(message, "topic"),
          "CIPNODE_MESSAGE_FEED=" + text_of(message, "feed"),
          "CIPNODE_MESSAGE_AUTHOR=" + text_of(message, "author"),
          fmt::format("CIPNODE_MESSAGE_SEQ={}", count_of(message, "seq")),
          fmt::format("CIPNODE_MESSAGE_TIME={}", count_of(message, "time"))};
}

class SubscribePrinter final : public Printer {
 public:
  SubscribePrinter(Context& context, const SubscribeFlags& flags)
      : Printer(context), flags_(flags) {}

 private:
  void observe(const Json& message) override {
    if (!flags_.command.empty() && !is_gap(message)) execute(message);
  }
  void print(const Json& message) override {
    if (is_gap(message)) return print_gap(message);
    if (!flags_.command.empty()) return;
    if (const auto payload = payload_of(message)) {
      print_payload(context_.console, *payload, flags_.format);
    }
  }
  static bool is_gap(const Json& message) { return text_of(message, "event") == "missing"; }
  void print_gap(const Json& gap) {
    print_notice(context_,
                 fmt::format("messages {} to {} of {} are not here any more", count_of(gap, "from"),
                             count_of(gap, "to"), text_of(gap, "author")));
  }
  // A message whose command fails is not dealt with: a durable subscription will bring it again.
  // After a signal no command is begun; the one under way is waited for.
  void execute(const Json& message) {
    if (node::caught_signal() != 0) return leave();
    const auto payload = payload_of(message);
    if (!payload) return;
    const auto status = run_command(flags_.command, *payload, message_variables(message));
    if (!status) return give_up(status.error());
    if (*status == 0) return;
    // Ctrl-C on a terminal is for both.
    if (const int signal = node::caught_signal(); signal != 0 && *status == 128 + signal) {
      return leave();
    }
    give_up({ExitCode::internal,
             fmt::format("the command ended with {} on message {} of {}", *status,
                         count_of(message, "seq"), text_of(message, "author")),
             flags_.durable.empty() ? "let it end with 0 to go on"
                                    : "let it end with 0 to go on; the message comes again"});
  }

  const SubscribeFlags& flags_;
};

bool is_sequence_number(const std::string& since) { return parse_count(since).has_value(); }

int subscribe(Context& context, const SubscribeFlags& flags) {
  if (is_sequence_number(flags.since) && !flags.author) {
    return report(context, {ExitCode::usage, "--since with a sequence number needs --author",
                            "sequence numbers count the messages of one author"});
  }
  node::Request request{"subscribe", Json::object()};
  // As nodes of every version understand it.
  if (flags.topics.size() == 1) request.params["topic"] = flags.topics.front();
  if (flags.topics.size() > 1) request.params["topics"] = flags.topics;
  if (!flags.since.empty()) request.params["since"] = flags.since;
  if (flags.author) request.params["author"] = to_z32(*flags.author);
  if (!flags.durable.empty()) request.params["durable"] = flags.durable;
  if (flags.count) request.params["count"] = *flags.count;
  if (flags.idle) request.params["idleMs"] = to_ms(*flags.idle);
  if (flags.until_synced) request.params["untilSynced"] = true;
  SubscribePrinter printer(context, flags);
  return run(context, request, printer);
}

void add_subscribe_flags(CLI::App& app, SubscribeFlags& flags) {
  const auto add = [&](CLI::Option* option, const char* standing_for = "") {
    option->group(kCommandFlags)->default_str(standing_for);
  };
  add(add_value(
          app, "--since", flags.since, parse_since, "WHEN",
          "First message: start, new, last:N, a sequence number (with --author) or a duration"),
      "new");
  add(add_value(app, "--author", flags.author, parse_key_text, "KEY",
                "Only messages of this peer"));
  add(add_value(app, "--durable", flags.durable, parse_label, "NAME",
                "Go on where the subscription of this name ended"));
  add(add_value(app, "--count", flags.count, parse_count, "N", "End after N messages"));
  add(add_value(app, "--idle", flags.idle, parse_duration, "DURATION",
                "End when no message came for this time; 0: never"));
  add(add_switch(app, "--until-synced", flags.until_synced,
                 "End when everything the reachable peers have is printed"));
  add(add_value(app, "--exec", flags.command, parse_text, "CMD",
                "Run CMD for each message, which it gets on stdin, instead of printing it"));
  add_payload_flags(app, flags.format);
}

void add_subscribe(CommandTree& tree) {
  auto& flags = tree.options<SubscribeFlags>();
  auto& app = tree.add(tree.root(), "subscribe", "Data",
                       {.purpose = "Print the messages of topics as they come, until a signal",
                        .timeout = default_timeout("subscribe"),
                        .examples = {"cipnode subscribe weather tides --since last:10",
                                     "cipnode subscribe weather --json | jq -r .text"},
                        .exits = exits_of("subscribe", {ExitCode::not_found, ExitCode::no_route}),
                        .run = [&flags](Context& context) { return subscribe(context, flags); }});
  add_list(app, "TOPIC", flags.topics, parse_topic_text, "", "Names, or topic:KEY")->required();
  add_subscribe_flags(app, flags);
  tree.settings().add_flags_of(app);
}

}  // namespace

void add_message_commands(CommandTree& tree) {
  add_publish(tree);
  add_subscribe(tree);
}

}  // namespace cip::cli
