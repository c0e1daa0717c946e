// cipnode topic: create, drop, ls, info.

#include <fmt/format.h>

#include "cli/application.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

struct CreateTopicFlags {
  std::string name;
  bool is_private = false;
};

int create_topic(Context& context, const CreateTopicFlags& flags) {
  if (flags.name.empty() == !flags.is_private) {
    return report(context, {ExitCode::usage, "give either the name of an open topic or --private",
                            "a private topic has a random key in place of a name"});
  }
  node::Request request{"topic.create"};
  if (flags.is_private) request.params["private"] = true;
  if (!flags.name.empty()) request.params["name"] = flags.name;
  TextPrinter printer(context, [&](const Json& made) {
    Pairs pairs;
    pairs.add("topic", text_of(made, "topic"));
    pairs.add("id", text_of(made, "id"));
    return pairs.text(context.style());
  });
  return run(context, request, printer);
}

void add_create_topic(CommandTree& tree, CLI::App& topic) {
  auto& flags = tree.options<CreateTopicFlags>();
  auto& app =
      tree.add(topic, "create", "Commands",
               {.purpose = "Take part in a topic: an open one by name, or a new private one",
                .timeout = default_timeout("topic.create"),
                .examples = {"cipnode topic create weather", "cipnode topic create --private"},
                .exits = exits_of("topic.create"),
                .run = [&flags](Context& context) { return create_topic(context, flags); }});
  add_value(app, "NAME", flags.name, parse_topic_text, "", "Name of an open topic");
  add_switch(app, "--private", flags.is_private, "A random key, known to those you give it to")
      ->group(kCommandFlags);
}

struct DropTopicFlags {
  std::string topic;
  bool yes = false;
};

// Only what destroys messages of this home needs a yes, and the node knows whether there are any.
int drop_topic(Context& context, const DropTopicFlags& flags) {
  node::Request request{"topic.drop", {{"topic", flags.topic}}};
  bool sure = flags.yes;
  if (!sure) {
    const auto answer = context.console.ask(
        fmt::format("{} will be left, and its messages will be gone from this home, those that "
                    "were published here too. Go on? [y/N] ",
                    flags.topic));
    if (answer && *answer != "y" && *answer != "yes") {
      return report(context, {ExitCode::usage, "nothing was changed", ""});
    }
    sure = answer.has_value();
  }
  if (sure) request.params["yes"] = true;
  TextPrinter printer(
      context, [](const Json& done) { return fmt::format("left {}\n", text_of(done, "topic")); });
  return run(context, request, printer);
}

void add_drop_topic(CommandTree& tree, CLI::App& topic) {
  auto& flags = tree.options<DropTopicFlags>();
  auto& app = tree.add(
      topic, "drop", "Commands",
      {.purpose = "Leave a topic and forget its messages",
       .details = "Messages that were published here go only with --yes: they may be nowhere else.",
       .timeout = default_timeout("topic.drop"),
       .examples = {"cipnode topic drop weather", "cipnode topic drop weather --yes"},
       .exits = exits_of("topic.drop", {ExitCode::not_found}),
       .run = [&flags](Context& context) { return drop_topic(context, flags); }});
  add_value(app, "TOPIC", flags.topic, parse_topic_text, "", "A name, topic:KEY or id:HEX")
      ->required();
  add_switch(app, "--yes", flags.yes, "Do not ask")->group(kCommandFlags);
}

int list_topics(Context& context) {
  TablePrinter printer(
      context, {"topic", "kind", "id"},
      [](const Json& topic) -> std::vector<std::string> {
        return {text_of(topic, "topic"), flag_of(topic, "private") ? "private" : "open",
                text_of(topic, "id")};
      },
      "this home takes part in no topic");
  return run(context, {"topic.ls"}, printer);
}

std::string topic_info_text(const Json& topic, Style style) {
  Pairs pairs;
  pairs.add("topic", text_of(topic, "topic"));
  pairs.add("kind", flag_of(topic, "private") ? "private" : "open");
  pairs.add("id", text_of(topic, "id"));
  pairs.add("peers", count_text(count_of(topic, "peers")));
  Table table({"feed", "author", ">messages", ""});
  for (const auto& feed : topic.value("feeds", Json::array())) {
    // The first block is the header.
    const auto length = count_of(feed, "length");
    table.add({short_text(text_of(feed, "feed")), text_of(feed, "author"),
               count_text(length - std::min<std::uint64_t>(length, 1)),
               flag_of(feed, "own") ? "own" : ""});
  }
  return pairs.text(style) + (table.empty() ? "" : "\n" + table.text(style));
}

void add_topic_ls_and_info(CommandTree& tree, CLI::App& topic) {
  tree.add(topic, "ls", "Commands",
           {.purpose = "List the topics this home takes part in",
            .timeout = default_timeout("topic.ls"),
            .examples = {"cipnode topic ls", "cipnode topic ls --json | jq -r .topic"},
            .exits = exits_of("topic.ls"),
            .run = list_topics});
  auto& name = tree.options<std::string>();
  auto& app = tree.add(
      topic, "info", "Commands",
      {.purpose = "Show the id, the feeds and the peers of a topic",
       .timeout = default_timeout("topic.info"),
       .examples = {"cipnode topic info weather", "cipnode topic info weather --json | jq .feeds"},
       .exits = exits_of("topic.info", {ExitCode::not_found}),
       .run = [&name](Context& context) {
         TextPrinter printer(
             context, [&](const Json& object) { return topic_info_text(object, context.style()); });
         return run(context, {"topic.info", {{"topic", name}}}, printer);
       }});
  add_value(app, "TOPIC", name, parse_topic_text, "", "A name, topic:KEY or id:HEX")->required();
}

}  // namespace

void add_topic_commands(CommandTree& tree) {
  auto& topic =
      tree.add(tree.root(), "topic", "Data",
               {.purpose = "Places to publish and subscribe: create, list, inspect, leave",
                .examples = {"cipnode topic create weather", "cipnode topic ls"},
                .run = {}});
  add_create_topic(tree, topic);
  add_topic_ls_and_info(tree, topic);
  add_drop_topic(tree, topic);
}

}  // namespace cip::cli
