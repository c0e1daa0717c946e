#include <algorithm>
#include <cctype>

#include "cli/pages/markdown.hpp"

namespace cip::cli::pages {
namespace {

// ---- within a line

// Adds plain text to the last span, if that is plain.
void add_plain(Text& out, std::string_view text) {
  if (text.empty()) return;
  if (out.empty() || out.back().style != Span::Style::plain) {
    out.push_back({Span::Style::plain, {}});
  }
  out.back().text += text;
}

// What stands between `mark` at the beginning of `rest` and the next one, which are taken from it.
std::optional<std::string_view> take_between(std::string_view& rest, std::string_view mark) {
  if (!rest.starts_with(mark)) return std::nullopt;
  const auto end = rest.find(mark, mark.size());
  if (end == rest.npos || end == mark.size()) return std::nullopt;
  const auto inside = rest.substr(mark.size(), end - mark.size());
  rest.remove_prefix(end + mark.size());
  return inside;
}

// The text of [text](address).
std::optional<std::string_view> take_link(std::string_view& rest) {
  const auto middle = rest.find("](");
  const auto end = rest.find(')', middle == rest.npos ? 0 : middle);
  if (!rest.starts_with('[') || middle == rest.npos || end == rest.npos) return std::nullopt;
  const auto text = rest.substr(1, middle - 1);
  rest.remove_prefix(end + 1);
  return text;
}

Text read_line(std::string_view rest) {
  Text out;
  while (!rest.empty()) {
    if (const auto code = take_between(rest, "`")) {
      out.push_back({Span::Style::literal, std::string(*code)});
    } else if (const auto strong = take_between(rest, "**")) {
      out.push_back({Span::Style::emphasis, std::string(*strong)});
    } else if (const auto soft = take_between(rest, "*")) {
      out.push_back({Span::Style::emphasis, std::string(*soft)});
    } else if (const auto link = take_link(rest)) {
      add_plain(out, *link);
    } else {
      if (rest.front() == '\\' && rest.size() > 1 && std::ispunct(rest[1]) != 0) {
        rest.remove_prefix(1);
      }
      add_plain(out, rest.substr(0, 1));
      rest.remove_prefix(1);
    }
  }
  return out;
}

// ---- lines

std::string_view trimmed(std::string_view line) {
  const auto begin = std::min(line.find_first_not_of(' '), line.size());
  const auto end = line.find_last_not_of(' ');
  return end == line.npos ? std::string_view() : line.substr(begin, end + 1 - begin);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// How many characters of a line are the mark of an item, "- " or "12. "; 0: it begins none.
std::size_t mark_of(std::string_view line) {
  if (line.starts_with("- ")) return 2;
  const auto digits = std::min(line.find_first_not_of("0123456789"), line.size());
  return digits > 0 && line.substr(digits).starts_with(". ") ? digits + 2 : 0;
}

bool is_code(std::string_view line) { return line.starts_with("    "); }
bool is_blank(std::string_view line) { return trimmed(line).empty(); }
bool is_text(std::string_view line) {
  return !is_blank(line) && !line.starts_with('#') && !line.starts_with('|') &&
         mark_of(trimmed(line)) == 0;
}
// A list within a list.
bool is_nested(std::string_view line) {
  return mark_of(line) == 0 && !is_code(line) && mark_of(trimmed(line)) > 0;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : lines_(lines_of(text)) {}

  std::optional<Document> read() {
    Document out;
    while (at_ < lines_.size()) {
      const auto line = lines_[at_];
      if (is_blank(line)) {
        ++at_;
      } else if (line.starts_with("```") || is_nested(line)) {
        return std::nullopt;
      } else if (line.starts_with('#')) {
        out.push_back(read_heading());
      } else if (line.starts_with('|')) {
        out.push_back(read_table());
      } else if (is_code(line)) {
        out.push_back(read_code());
      } else if (mark_of(line) > 0) {
        out.push_back(read_list());
      } else {
        out.push_back(Paragraph{read_line(read_sentences(std::string(trimmed(lines_[at_++]))))});
      }
    }
    return out;
  }

 private:
  Heading read_heading() {
    const auto line = lines_[at_++];
    const auto level = std::min(line.find_first_not_of('#'), line.size());
    return {static_cast<int>(level), std::string(trimmed(line.substr(level)))};
  }

  // The lines that go on with what has begun.
  std::string read_sentences(std::string out) {
    for (; at_ < lines_.size() && is_text(lines_[at_]); ++at_) {
      out += " " + std::string(trimmed(lines_[at_]));
    }
    return out;
  }

  Code read_code() {
    Code code;
    for (; at_ < lines_.size() && (is_code(lines_[at_]) || is_blank(lines_[at_])); ++at_) {
      code.lines.emplace_back(is_blank(lines_[at_]) ? "" : lines_[at_].substr(4));
    }
    while (code.lines.back().empty()) code.lines.pop_back();
    return code;
  }

  List read_list() {
    List list{.numbered = !lines_[at_].starts_with("- "), .items = {}};
    while (at_ < lines_.size()) {
      const auto mark = mark_of(lines_[at_]);
      if (mark == 0) break;
      const auto first = trimmed(lines_[at_++].substr(mark));
      list.items.push_back(read_line(read_sentences(std::string(first))));
    }
    return list;
  }

  std::vector<Text> read_row() {
    auto line = trimmed(lines_[at_++]);
    line.remove_prefix(1);
    std::vector<Text> cells;
    std::string cell;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
        cell += line[++i];
      } else if (line[i] == '|') {
        cells.push_back(read_line(trimmed(cell)));
        cell.clear();
      } else {
        cell += line[i];
      }
    }
    return cells;
  }

  Table read_table() {
    Table table{read_row(), {}};
    ++at_;  // |---|---|
    while (at_ < lines_.size() && lines_[at_].starts_with('|')) {
      table.rows.push_back(read_row());
      table.rows.back().resize(table.head.size());
    }
    return table;
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<Document> read_markdown(std::string_view text) { return Reader(text).read(); }

}  // namespace cip::cli::pages
