#include "cli/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "cli/render.hpp"

namespace cip::cli {
namespace {

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
// A heading, the empty line in front of it, and a line that counts what is not shown.
constexpr std::size_t kFrameOfSection = 3;

std::string bytes_rate_text(double bytes_per_second) { return bytes_text(bytes_per_second) + "/s"; }

Json part_of(const Json& object, const char* name) {
  return object.is_object() ? object.value(name, Json::object()) : Json::object();
}

// "unknown_network 12 (0.5/s)": those that grow come first.
std::string growing_drops_text(const Json& drops) {
  std::vector<std::pair<double, std::string>> parts;
  for (const auto& [reason, value] : drops.items()) {
    const auto grows = number_of(value, "perSecond");
    auto text = fmt::format("{} {}", reason, count_text(count_of(value, "count")));
    if (grows > 0) text += fmt::format(" ({:.1f}/s)", grows);
    parts.emplace_back(grows, std::move(text));
  }
  if (parts.empty()) return "none";
  std::ranges::stable_sort(parts, std::ranges::greater(), &std::pair<double, std::string>::first);
  std::string out;
  for (const auto& [grows, text] : parts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

std::string top_head_text(const Json& sample) {
  const auto dht = part_of(sample, "dht");
  Pairs pairs;
  pairs.add("node", fmt::format("{}, up {}", text_of(sample, "key"),
                                duration_text(number_of(sample, "uptimeMs"))));
  pairs.add("network",
            fmt::format("{}, {}, {}, {}", text_of(sample, "network"), text_of(sample, "address"),
                        flag_of(sample, "persistent") ? "persistent" : "ephemeral",
                        flag_of(sample, "reachable") ? "reachable" : "not proven reachable"));
  pairs.add("dht",
            fmt::format("{}, {:.1f} requests/s, {:.1f} answers/s, {} in, {} out",
                        plural(count_of(sample, "contacts"), "contact"),
                        number_of(dht, "requestsPerSecond"), number_of(dht, "answersPerSecond"),
                        bytes_rate_text(number_of(dht, "bytesInPerSecond")),
                        bytes_rate_text(number_of(dht, "bytesOutPerSecond"))));
  pairs.add("drops", growing_drops_text(part_of(sample, "drops")));
  return pairs.text({.escape = true});
}

// What is shown of one kind of things.
struct Section {
  const char* rows;   // the member of the sample
  const char* total;  // how many there are
  std::vector<std::string> headings;
  std::vector<std::string> (*cells)(const Json&);
};

const std::vector<Section>& sections() {
  static const std::vector<Section> all = {
      {"peers",
       "peerCount",
       {"peer", "address", "over", ">feeds", ">in", ">out"},
       [](const Json& peer) -> std::vector<std::string> {
         return {short_text(text_of(peer, "key"), 16),
                 text_of(peer, "address"),
                 text_of(peer, "transport"),
                 count_text(count_of(peer, "feeds")),
                 bytes_rate_text(number_of(peer, "bytesInPerSecond")),
                 bytes_rate_text(number_of(peer, "bytesOutPerSecond"))};
       }},
      {"feeds",
       "feedCount",
       {"feed", ">length", ">held to", ">peers", ">grows", ""},
       [](const Json& feed) -> std::vector<std::string> {
         const auto name = text_of(feed, "name");
         return {name.empty() ? short_text(text_of(feed, "key"), 16) : name,
                 count_text(count_of(feed, "length")),
                 count_text(count_of(feed, "contiguousLength")),
                 count_text(count_of(feed, "peers")),
                 bytes_rate_text(number_of(feed, "bytesPerSecond")),
                 flag_of(feed, "writable") ? "own" : ""};
       }},
      {"topics",
       "topicCount",
       {"topic", ">peers", ">authors", ">messages/s"},
       [](const Json& topic) -> std::vector<std::string> {
         return {short_text(text_of(topic, "topic"), 32), count_text(count_of(topic, "peers")),
                 count_text(count_of(topic, "feeds")),
                 fmt::format("{:.1f}", number_of(topic, "messagesPerSecond"))};
       }}};
  return all;
}

std::string section_text(const Section& section, const Json& sample, std::size_t rows) {
  const auto things = sample.value(section.rows, Json::array());
  if (things.empty()) return {};
  Table table(section.headings);
  std::size_t shown = 0;
  for (const auto& thing : things) {
    if (shown == rows) break;
    table.add(section.cells(thing));
    ++shown;
  }
  auto out = "\n" + table.text({.escape = true});
  if (const auto total = count_of(sample, section.total); shown < total) {
    out += fmt::format("… {} more\n", count_text(total - shown));
  }
  return out;
}

// How many rows each section may show: none waits for another that does not need them.
std::vector<std::size_t> shared_rows(const Json& sample, std::size_t lines) {
  std::vector<std::size_t> wanted;
  std::size_t left = lines;
  std::size_t waiting = 0;
  for (const auto& section : sections()) {
    wanted.push_back(sample.value(section.rows, Json::array()).size());
    if (wanted.back() == 0) continue;
    ++waiting;
    left -= std::min(left, kFrameOfSection);
  }
  std::vector<std::size_t> out(wanted.size(), 0);
  while (left > 0 && waiting > 0) {
    waiting = 0;
    for (std::size_t i = 0; i < wanted.size() && left > 0; ++i) {
      if (out[i] == wanted[i]) continue;
      ++out[i];
      --left;
      ++waiting;
    }
  }
  return out;
}

// A line of at most so many characters.
std::string_view cut_row(std::string_view line, std::size_t columns) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(line[at]) & 0xc0) != 0x80;
    if (begins && width++ == columns) return line.substr(0, at);
  }
  return line;
}

std::string cut_rows(std::string_view text, TerminalSize size) {
  std::string out;
  // The last row stays empty: the newline in it would scroll.
  for (int row = 1; row < size.rows && !text.empty(); ++row) {
    const auto end = std::min(text.find('\n'), text.size());
    out += cut_row(text.substr(0, end), static_cast<std::size_t>(std::max(size.columns, 1)));
    out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

std::string top_text(const Json& sample) {
  auto out = top_head_text(sample);
  for (const auto& section : sections()) out += section_text(section, sample, kAll);
  return out;
}

std::string top_text(const Json& sample, TerminalSize size) {
  auto out = top_head_text(sample);
  const auto taken = static_cast<std::size_t>(std::ranges::count(out, '\n')) + 1;
  const auto lines = static_cast<std::size_t>(std::max(size.rows, 1));
  const auto rows = shared_rows(sample, lines - std::min(lines, taken));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] > 0) out += section_text(sections()[i], sample, rows[i]);
  }
  return cut_rows(out, size);
}

// To the upper left, each line wiped behind its end, what is below the last one too.
std::string redrawn(const std::string& text, bool wiped) {
  std::string out = wiped ? "\x1b[2J\x1b[H" : "\x1b[H";
  for (const char letter : text)
    out += letter == '\n' ? std::string("\x1b[K\n") : std::string(1, letter);
  return out + "\x1b[J";
}

}  // namespace cip::cli
