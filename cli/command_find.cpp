// cipnode find: the walk to a peer, a topic, a feed or a node id, with the route it took.

#include <fmt/format.h>

#include "cli/application.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

struct FindFlags {
  std::string id;
  bool topic = false;
  bool feed = false;
  bool node = false;
  bool trace = false;
  bool hello = true;
};

std::string list_text(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return {};
  std::vector<std::string> items;
  for (const auto& item : *found) {
    if (item.is_string()) items.push_back(item.get<std::string>());
  }
  return fmt::format("{}", fmt::join(items, ", "));
}

std::string hello_text(const Json& object) {
  const auto found = object.find("hello");
  if (found == object.end() || !found->is_object()) return {};
  if (!flag_of(*found, "ok")) {
    return object.contains("card") ? "no answer; the addresses are those of its contact card"
                                   : "no answer";
  }
  auto out = fmt::format("answered in {}, {} peer", duration_text(number_of(*found, "rttMs")),
                         text_of(*found, "peer"));
  const auto transport = text_of(*found, "transport");
  if (transport == "none")
    out += ", no stream possible";
  else if (transport == "offered")
    out += ", offers streams (not dialled)";
  else
    out += ", a stream over " + transport + " is open";
  const auto via = text_of(*found, "via");
  return via.empty() ? out : out + ", relayed by " + via;
}

// The hops one below the other, each closer to the target than the one before.
std::string route_text(const Json& object, Style style) {
  const auto found = object.find("hops");
  if (found == object.end() || !found->is_array()) return {};
  Table table({">hop", "node", "address", ">bits shared", ">round trip"});
  std::uint64_t number = 0;
  for (const auto& hop : *found) {
    table.add({std::to_string(++number), short_text(text_of(hop, "node"), 16),
               text_of(hop, "address"), count_text(count_of(hop, "sharedBits")),
               hop.contains("rttMs") ? duration_text(number_of(hop, "rttMs")) : ""});
  }
  return table.empty() ? std::string() : table.text(style) + "\n";
}

// Those who announce a topic or a feed.
std::string peers_text(const Json& object, Style style) {
  const auto found = object.find("peers");
  if (found == object.end() || !found->is_array()) return {};
  Table table({"peer", "relays"});
  for (const auto& peer : *found) table.add({text_of(peer, "key"), list_text(peer, "relays")});
  return "\n" + table.text(style);
}

// The nodes closest to a node id.
std::string nodes_text(const Json& object, Style style) {
  const auto found = object.find("nodes");
  if (found == object.end() || !found->is_array()) return {};
  Table table({"node", "address", ">bits shared"});
  for (const auto& node : *found) {
    table.add({text_of(node, "node"), text_of(node, "address"),
               count_text(count_of(node, "sharedBits"))});
  }
  return "\n" + table.text(style);
}

std::string walk_text(const Json& object) {
  if (flag_of(object, "self")) return "none needed, this is the key of this very node";
  return fmt::format("{} in {}", plural(count_of(object, "requests"), "request"),
                     duration_text(number_of(object, "tookMs")));
}

std::string found_text(const Json& object, bool trace, Style style) {
  Pairs pairs;
  const auto kind = text_of(object, "kind");
  pairs.add(flag_of(object, "found") ? "found" : "not found", kind.empty() ? "peer" : kind);
  pairs.add("topic", text_of(object, "topic"));
  pairs.add("key", text_of(object, "key"));
  pairs.add("target", text_of(object, "target"));
  pairs.add("addresses", list_text(object, "addresses"));
  pairs.add("relays", list_text(object, "relays"));
  pairs.add("hello", hello_text(object));
  pairs.add("walk", walk_text(object));
  return (trace ? route_text(object, style) : "") + pairs.text(style) + peers_text(object, style) +
         nodes_text(object, style);
}

Outcome<std::string> checked_id(const FindFlags& flags) {
  const auto as = [&](const auto& parsed) -> Outcome<std::string> {
    if (parsed) return flags.id;
    return usage_error(parsed.error(), "cipnode id prints the key of a node");
  };
  if (flags.topic) return as(parse_topic_text(flags.id));
  return as(parse_key_text(flags.id));
}

int find(Context& context, const FindFlags& flags) {
  const auto id = checked_id(flags);
  if (!id) return report(context, id.error());
  node::Request request{"find", {{"id", *id}}};
  request.params["kind"] = flags.topic  ? "topic"
                           : flags.feed ? "feed"
                           : flags.node ? "node"
                                        : "peer";
  if (flags.trace) request.params["trace"] = true;
  if (!flags.hello) request.params["hello"] = false;
  TextPrinter printer(context, [&](const Json& object) {
    return found_text(object, flags.trace, context.style());
  });
  return run(context, request, printer);
}

}  // namespace

void add_find_command(CommandTree& tree) {
  auto& flags = tree.options<FindFlags>();
  auto& app =
      tree.add(tree.root(), "find", "Network",
               {.purpose = "Find a peer by its key: the walk, the relays, the hello, the addresses",
                .timeout = default_timeout("find"),
                .examples = {"cipnode find \"$(cipnode id)\" --trace",
                             "cipnode find --topic weather --json"},
                .exits = exits_of("find", {ExitCode::not_found, ExitCode::no_route}),
                .run = [&flags](Context& context) { return find(context, flags); }});
  add_value(app, "ID", flags.id, parse_text, "", "Key of the peer, or what a flag says")
      ->required();
  auto* topic = add_switch(app, "--topic", flags.topic, "ID is a topic: find who announces it");
  auto* feed =
      add_switch(app, "--feed", flags.feed, "ID is the key of a feed: find who announces it");
  auto* node =
      add_switch(app, "--node", flags.node, "ID is a node id: find the nodes closest to it");
  topic->excludes(feed)->excludes(node);
  feed->excludes(node);
  add_switch(app, "--trace", flags.trace, "Show every hop: node, address, bits shared, round trip");
  add_switch(app, "--no-hello", flags.hello, "Stop at the announce, send no hello", false);
  for (auto* option : app.get_options({})) {
    if (!option->get_positional() && option != app.get_help_ptr()) option->group(kCommandFlags);
  }
}

}  // namespace cip::cli
