// cipnode salvage: what can be read of a damaged home, as a new home.

#include <fmt/format.h>

#include <filesystem>

#include "cli/application.hpp"
#include "cli/printer.hpp"

namespace cip::cli {
namespace {

struct SalvageFlags {
  std::string directory;
};

std::string feed_text(const Json& feed) {
  const auto name = text_of(feed, "name");
  const auto shown = name.empty() ? text_of(feed, "key") : name;
  const auto reason = text_of(feed, "reason");
  if (!flag_of(feed, "saved")) return fmt::format("not saved  {}: {}\n", shown, reason);
  return fmt::format("saved      {}: {} of {}, {}{}\n", shown,
                     plural(count_of(feed, "blocks"), "block"),
                     count_text(count_of(feed, "length")), bytes_text(number_of(feed, "bytes")),
                     reason.empty() ? "" : "; " + reason);
}

std::string summary_text(const Json& summary) {
  return fmt::format(
      "{} saved into {}, {} not; {}, {}, identity {}\n", plural(count_of(summary, "feeds"), "feed"),
      text_of(summary, "home"), count_text(count_of(summary, "notSaved")),
      plural(count_of(summary, "keys"), "key"), plural(count_of(summary, "topics"), "topic"),
      flag_of(summary, "identity") ? "saved" : "not saved: it has a new one");
}

int salvage(Context& context, const SalvageFlags& flags) {
  node::Request request{"salvage"};
  std::error_code error;
  const auto target = std::filesystem::absolute(flags.directory, error);
  request.params["dir"] = error ? flags.directory : target.string();
  TextPrinter printer(context, [](const Json& object) {
    return object.contains("home") ? summary_text(object) : feed_text(object);
  });
  return run(context, request, printer);
}

}  // namespace

void add_salvage_command(CommandTree& tree) {
  auto& flags = tree.options<SalvageFlags>();
  auto& app = tree.add(
      tree.root(), "salvage", "Node",
      {.purpose = "Save what can be read of a damaged home into a new home",
       .details =
           "The damaged home is only read. Feeds are saved whose head is signed and whose tree "
           "holds, "
           "with those of their blocks that verify; further the identity, the key ring and topics. "
           "The end of a feed may be lost: an own feed asks those who have it how long it is "
           "before "
           "it is first appended to, so let the new node reach them.",
       .examples =
           {"cipnode salvage ./rescued",
            "cipnode --home ./damaged --json salvage ./rescued | jq 'select(.saved == false)'"},
       .exits = {ExitCode::not_found, ExitCode::busy, ExitCode::full, ExitCode::corrupt},
       .run = [&flags](Context& context) { return salvage(context, flags); }});
  add_value(app, "DIR", flags.directory, parse_text, "",
            "The new home: must not exist, or be empty")
      ->required();
}

}  // namespace cip::cli
