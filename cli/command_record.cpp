// cipnode put, get, announce, lookup, size: the records of the DHT, and how large it is.

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/application.hpp"
#include "cli/files.hpp"
#include "cli/payload_io.hpp"
#include "cli/printer.hpp"
#include "node/json_rpc.hpp"

namespace cip::cli {
namespace {

// More than a value may have, so that one that is too long is refused by its length.
constexpr std::size_t kMostRead = 64 * 1024;

Parsed<std::optional<std::string>> parse_value(std::string_view text) {
  return std::optional<std::string>(text);  // any bytes, none at all included
}

Parsed<std::string> parse_target_text(std::string_view text) {
  if (text.starts_with("topic:")) {
    const auto name = text.substr(6);
    const auto parsed = parse_topic_text(parse_key_text(name) ? text : name);
    if (!parsed) return tl::unexpected(parsed.error());
    return std::string(text);
  }
  if (text.starts_with("feed:")) {
    const auto parsed = parse_key_text(text.substr(5));
    if (!parsed) return tl::unexpected(parsed.error());
    return std::string(text);
  }
  const auto bytes = from_hex(text);
  if (bytes && bytes->size() == 32) return std::string(text);
  return tl::unexpected(
      fmt::format("'{}' is not a target: 64 hex digits, topic:NAME or feed:KEY", text));
}

// ---- put, get

struct PutFlags {
  std::optional<std::string> value;
  std::string file;
  std::string key;
  std::optional<std::uint64_t> seq;
};

// What names the value goes to stdout alone, so that a script can take it.
std::string stored_text(Context& context, const Json& done) {
  auto talk = fmt::format("stored at {}", plural(count_of(done, "stored"), "node"));
  if (const auto refused = count_of(done, "refused"); refused > 0) {
    talk += fmt::format(", refused by {}", count_text(refused));
  }
  const auto key = text_of(done, "key");
  if (!key.empty()) talk += fmt::format(", seq {}", count_of(done, "seq"));
  print_notice(context, fmt::format("{}, {}", talk, duration_text(number_of(done, "tookMs"))));
  return (key.empty() ? text_of(done, "hash") : key) + "\n";
}

int put(Context& context, const PutFlags& flags) {
  if (flags.seq && flags.key.empty()) {
    return report(context, {ExitCode::usage, "--seq needs --key NAME",
                            "a value without a key has no sequence number"});
  }
  const auto input = open_input(flags.value, flags.file);
  if (!input) return report(context, input.error());
  if (is_typed(*input)) {
    print_notice(context, "type the value, then press Ctrl-D on an empty line");
  }
  const auto value = read_descriptor(input->fd(), "the value", kMostRead);
  if (!value) return report(context, value.error());
  node::Request request{"put", Json::object()};
  if (is_utf8(bytes_of(*value))) {
    request.params["value"] = *value;
  } else {
    request.params["valueBase64"] = node::to_base64(bytes_of(*value));
  }
  if (!flags.key.empty()) request.params["key"] = flags.key;
  if (flags.seq) request.params["seq"] = *flags.seq;
  TextPrinter printer(context, [&](const Json& done) { return stored_text(context, done); });
  return run(context, request, printer);
}

void add_put(CommandTree& tree) {
  auto& flags = tree.options<PutFlags>();
  auto& app = tree.add(
      tree.root(), "put", "Network",
      {.purpose = "Store a value of at most 1000 bytes in the DHT: the argument, a file or stdin",
       .details =
           "Without --key the value is stored under its hash and never changes. With --key it is "
           "signed by the key of that name, which only this home has, and a later put replaces "
           "it. "
           "The node of this home puts it again every two hours, for 30 days after the last put.",
       .timeout = default_timeout("put"),
       .examples = {"cipnode put 'hello world'", "cipnode put --key status --file status.json"},
       .exits = exits_of("put", {ExitCode::no_route, ExitCode::conflict}),
       .run = [&flags](Context& context) { return put(context, flags); }});
  add_value(app, "VALUE", flags.value, parse_value, "", "The value; none: stdin");
  add_value(app, "--file", flags.file, parse_text, "FILE", "Read the value from a file")
      ->group(kCommandFlags);
  add_value(app, "--key", flags.key, parse_label, "NAME", "Sign it with the key of this name")
      ->group(kCommandFlags);
  add_value(app, "--seq", flags.seq, parse_count, "N",
            "Sequence number; default: the time in milliseconds")
      ->group(kCommandFlags);
}

struct GetFlags {
  std::string target;
  PayloadFormat format;
};

// The bytes and nothing else.
class GetPrinter final : public Printer {
 public:
  GetPrinter(Context& context, PayloadFormat format) : Printer(context), format_(format) {}

 private:
  void print(const Json& object) override {
    auto value = text_of(object, "value");
    if (object.contains("valueBase64")) {
      const auto decoded = decode_base64(text_of(object, "valueBase64"));
      if (!decoded) return give_up({ExitCode::internal, "the node's answer is not base64", ""});
      value = *decoded;
    }
    if (context_.console.out_is_terminal) return print_payload(context_.console, value, format_);
    context_.console.write_out(value);
  }

  PayloadFormat format_;
};

Parsed<std::string> parse_value_name(std::string_view text) {
  const auto bare = text.starts_with("hash:")  ? text.substr(5)
                    : text.starts_with("key:") ? text.substr(4)
                                               : text;
  if (parse_key_text(bare)) return std::string(text);
  return tl::unexpected(fmt::format("'{}' is neither a hash nor a key", text));
}

void add_get(CommandTree& tree) {
  auto& flags = tree.options<GetFlags>();
  auto& app = tree.add(
      tree.root(), "get", "Network",
      {.purpose = "Print a value of the DHT by its hash, or by the key that signed it",
       .details =
           "hash: or key: in front of the hex digits says what they are; else both are tried.",
       .timeout = default_timeout("get"),
       .examples = {"cipnode get " + std::string(64, '7'),
                    "cipnode get key:" + std::string(52, 'y') + " --json"},
       .exits = exits_of("get", {ExitCode::not_found, ExitCode::no_route}),
       .run = [&flags](Context& context) {
         GetPrinter printer(context, flags.format);
         return run(context, {"get", {{"target", flags.target}}}, printer);
       }});
  add_value(app, "HASH|KEY", flags.target, parse_value_name, "", "What put printed")->required();
  add_switch(app, "--raw", flags.format.raw, "Do not escape control characters on a terminal")
      ->group(kCommandFlags);
}

// ---- announce, lookup

struct TargetFlags {
  std::string target;
};

void add_announce(CommandTree& tree) {
  auto& flags = tree.options<TargetFlags>();
  auto& app = tree.add(
      tree.root(), "announce", "Network",
      {.purpose = "Announce the key of this node under a target, for as long as the node runs",
       .timeout = default_timeout("announce"),
       .examples = {"cipnode announce " + std::string(64, '7'), "cipnode announce topic:weather"},
       .exits = exits_of("announce", {ExitCode::no_route}),
       .run = [&flags](Context& context) {
         TextPrinter printer(context, [](const Json& done) {
           return fmt::format("announced under {}\nstored at {} in {}\n", text_of(done, "target"),
                              plural(count_of(done, "stored"), "node"),
                              duration_text(number_of(done, "tookMs")));
         });
         return run(context, {"announce", {{"target", flags.target}}}, printer);
       }});
  add_value(app, "TARGET", flags.target, parse_target_text, "",
            "64 hex digits, topic:NAME or feed:KEY")
      ->required();
}

std::string relays_text(const Json& peer) {
  std::vector<std::string> out;
  for (const auto& relay : peer.value("relays", Json::array())) {
    if (relay.is_string()) out.push_back(relay.get<std::string>());
  }
  return fmt::format("{}", fmt::join(out, ", "));
}

void add_lookup(CommandTree& tree) {
  auto& flags = tree.options<TargetFlags>();
  auto& app = tree.add(
      tree.root(), "lookup", "Network",
      {.purpose = "List the peers that announce themselves under a target",
       .details =
           "What storing nodes say is not signed: peers that several of them name come first.",
       .timeout = default_timeout("lookup"),
       .examples = {"cipnode lookup " + std::string(64, '7'),
                    "cipnode lookup topic:weather --json | jq -r .key"},
       .exits = exits_of("lookup", {ExitCode::not_found, ExitCode::no_route}),
       .run = [&flags](Context& context) {
         TablePrinter printer(
             context, {"key", "relays", ">named by"},
             [](const Json& peer) -> std::vector<std::string> {
               return {text_of(peer, "key"), relays_text(peer),
                       count_text(count_of(peer, "namedBy"))};
             },
             "nobody announces this target");
         return run(context, {"lookup", {{"target", flags.target}}}, printer);
       }});
  add_value(app, "TARGET", flags.target, parse_target_text, "",
            "64 hex digits, topic:NAME or feed:KEY")
      ->required();
}

// ---- size

std::string network_size_text(const Json& size) {
  const auto whole = [&](const char* name) {
    return count_text(static_cast<std::uint64_t>(number_of(size, name) + 0.5));
  };
  auto text =
      fmt::format("about {} nodes (between {} and {} at 95 %, from {})\n", whole("estimate"),
                  whole("low"), whole("high"), plural(count_of(size, "samples"), "walk"));
  if (size.value("robust", Json()).is_number()) {
    text += fmt::format("{} by the estimate that impostors near a target do not move\n",
                        whole("robust"));
  }
  return text;
}

void add_size(CommandTree& tree) {
  tree.add(tree.root(), "size", "Network",
           {.purpose = "Estimate how many nodes the overlay has, from the density that walks meet",
            .timeout = default_timeout("size"),
            .examples = {"cipnode size", "cipnode size --json | jq .estimate"},
            .exits = exits_of("size", {ExitCode::no_route}),
            .run = [](Context& context) {
              TextPrinter printer(context, network_size_text);
              return run(context, {"size"}, printer);
            }});
}

}  // namespace

void add_record_commands(CommandTree& tree) {
  add_put(tree);
  add_get(tree);
  add_announce(tree);
  add_lookup(tree);
  add_size(tree);
}

}  // namespace cip::cli
