// Commands about the node of a home: status, peers, routes, paths, version, stop.

#include <fmt/format.h>

#include "cli/application.hpp"
#include "cli/command_routes.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

// ---- status

struct StatusFlags {
  bool metrics = false;
};

Json member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? Json::object() : *found;
}

std::string reachability(const Json& status) {
  return fmt::format("{}, {}", flag_of(status, "persistent") ? "persistent" : "ephemeral",
                     flag_of(status, "reachable") ? "reachable" : "not proven reachable");
}

std::string traffic_text(const Json& dht) {
  return fmt::format("{}, {} requests ({} answered), {} in, {} out",
                     plural(count_of(dht, "contacts"), "contact"),
                     count_text(count_of(dht, "requests")), count_text(count_of(dht, "answers")),
                     bytes_text(number_of(dht, "bytesIn")), bytes_text(number_of(dht, "bytesOut")));
}

// "private 10.0.0.1:49737 (reachable), public 1.2.3.4:49737", and what others say they see.
std::string nat_text(const Json& nat) {
  std::vector<std::string> parts;
  for (const auto& place : nat.value("places", Json::array())) {
    parts.push_back(fmt::format("{} {}{}", text_of(place, "realm"), text_of(place, "address"),
                                flag_of(place, "reachable") ? " (reachable)" : ""));
  }
  if (const auto seen = text_of(nat, "seenAs"); !seen.empty()) {
    parts.push_back(
        fmt::format("others see {} ({})", seen, plural(count_of(nat, "votes"), "vote")));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string stored_text(const Json& stored) {
  const auto values = count_of(stored, "mutables") + count_of(stored, "immutables");
  const auto announces = count_of(stored, "records") + count_of(stored, "forwards");
  return fmt::format("{}, {}", plural(values, "value"), plural(announces, "announce"));
}

std::string disk_text(const Json& disk) {
  return fmt::format("own {}, kept {}, cache {}, quota {}", bytes_text(number_of(disk, "own")),
                     bytes_text(number_of(disk, "kept")), bytes_text(number_of(disk, "cache")),
                     bytes_text(number_of(disk, "quota")));
}

std::string drops_text(const Json& drops) {
  std::vector<std::string> parts;
  for (const auto& [reason, value] : drops.items()) {
    const auto number = count_of(drops, reason.c_str());
    if (number > 0) parts.push_back(fmt::format("{} {}", reason, count_text(number)));
  }
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string status_text(const Json& status, Style style) {
  Pairs pairs;
  pairs.add("node",
            fmt::format("cipnode {}, pid {}, up {}", text_of(status, "version"),
                        count_of(status, "pid"), duration_text(number_of(status, "uptimeMs"))));
  pairs.add("key", text_of(status, "key"));
  if (const auto other = text_of(member(status, "duplicate"), "address"); !other.empty()) {
    pairs.add("duplicate",
              fmt::format("another node with this key runs at {}: nothing is appended", other));
  }
  pairs.add("node id", text_of(status, "node"));
  pairs.add("address",
            fmt::format("udp {}, tcp {}", text_of(status, "udp"), text_of(status, "tcp")));
  pairs.add("network", fmt::format("{}, {}", text_of(status, "network"), reachability(status)));
  pairs.add("dht", traffic_text(member(status, "dht")));
  if (status.contains("nat")) pairs.add("seen at", nat_text(member(status, "nat")));
  if (status.contains("stored")) {
    pairs.add("for others", stored_text(member(status, "stored")));
  }
  pairs.add("holds", fmt::format("{}, {}, {}", plural(count_of(status, "peers"), "peer"),
                                 plural(count_of(status, "feeds"), "feed"),
                                 plural(count_of(status, "topics"), "topic")));
  if (status.contains("disk")) pairs.add("disk", disk_text(member(status, "disk")));
  if (const auto problem = text_of(status, "databaseProblem"); !problem.empty())
    pairs.add("database", fmt::format("not written: {}; tried again by itself", problem));
  pairs.add("drops", drops_text(member(status, "drops")));
  return pairs.text(style);
}

int status(Context& context, const StatusFlags& flags) {
  node::Request request{"status"};
  if (flags.metrics) request.params["metrics"] = true;
  TextPrinter printer(context, [&](const Json& object) {
    return flags.metrics ? text_of(object, "text") : status_text(object, context.style());
  });
  return run(context, request, printer);
}

void add_status(CommandTree& tree) {
  auto& flags = tree.options<StatusFlags>();
  auto& app = tree.add(
      tree.root(), "status", "Node",
      {.purpose = "Show how the running node is: addresses, DHT, peers, feeds, drops by reason",
       .timeout = default_timeout("status"),
       .examples = {"cipnode status", "cipnode status --json | jq .dht"},
       .exits = exits_of("status"),
       .run = [&flags](Context& context) { return status(context, flags); }});
  add_switch(app, "--metrics", flags.metrics, "Print Prometheus text instead")
      ->group(kCommandFlags);
}

// ---- peers

std::string channels_text(const Json& peer) {
  const auto found = peer.find("channels");
  if (found == peer.end() || !found->is_array()) return {};
  std::vector<std::string> names;
  for (const auto& channel : *found) {
    names.push_back(
        short_text(channel.is_string() ? channel.get<std::string>() : json_line(channel)));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

int peers(Context& context) {
  TablePrinter printer(
      context, {"key", "address", "direction", ">since", ">in", ">out", "channels"},
      [](const Json& peer) -> std::vector<std::string> {
        return {text_of(peer, "key"),
                text_of(peer, "address"),
                text_of(peer, "direction"),
                duration_text(number_of(peer, "sinceMs")),
                bytes_text(number_of(peer, "bytesIn")),
                bytes_text(number_of(peer, "bytesOut")),
                channels_text(peer)};
      },
      "no peer is connected");
  return run(context, {"peers"}, printer);
}

// ---- paths, version, stop

std::string all_members(const Json& object, Style style) {
  Pairs pairs;
  for (const auto& [name, value] : object.items()) {
    pairs.add(name, value.is_string() ? value.get<std::string>() : json_line(value));
  }
  return pairs.text(style);
}

int print_members(Context& context, const char* method) {
  TextPrinter printer(context,
                      [&](const Json& object) { return all_members(object, context.style()); });
  return run(context, {method}, printer);
}

int stop(Context& context) {
  TextPrinter printer(context, [](const Json& object) {
    return fmt::format("stopped the node with pid {}\n", count_of(object, "pid"));
  });
  return run(context, {"stop"}, printer);
}

void add_plain(CommandTree& tree, const char* name, const char* purpose,
               std::vector<std::string> examples, std::vector<ExitCode> exits,
               std::function<int(Context&)> body) {
  const auto* method = node::method_info(name);
  tree.add(tree.root(), name, "Node",
           {.purpose = purpose,
            .timeout = method == nullptr || method->local ? "" : default_timeout(name),
            .examples = std::move(examples),
            .exits = std::move(exits),
            .run = std::move(body)});
}

}  // namespace

void add_node_commands(CommandTree& tree) {
  add_plain(tree, "stop", "Stop the node of this home",
            {"cipnode stop", "cipnode --home ./second stop"}, exits_of("stop"), stop);
  add_status(tree);
  add_health_command(tree);
  add_plain(tree, "peers", "List the peers that are connected",
            {"cipnode peers", "cipnode peers --json | jq -r .key"}, exits_of("peers"), peers);
  add_plain(tree, "routes", "Show the routing table, on a terminal with a picture of its buckets",
            {"cipnode routes", "cipnode routes --json | jq -r .address"}, exits_of("routes"),
            show_routes);
  add_id_commands(tree);
  add_plain(tree, "paths", "Print where this home keeps its files",
            {"cipnode paths", "cipnode paths --json | jq -r .database"}, {},
            [](Context& context) { return print_members(context, "paths"); });
  add_plain(tree, "version", "Print the versions of program, protocol and store",
            {"cipnode version", "cipnode version --json"}, {},
            [](Context& context) { return print_members(context, "version"); });
}

}  // namespace cip::cli
