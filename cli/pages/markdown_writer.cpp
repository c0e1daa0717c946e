#include <fmt/format.h>

#include "cli/pages/markdown.hpp"

namespace cip::cli::pages {
namespace {

constexpr std::size_t kWidth = 120;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*<[|").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string line_of(const Text& text) {
  std::string out;
  for (const auto& [style, part] : text) {
    switch (style) {
      case Span::Style::plain:
        out += escaped(part);
        break;
      case Span::Style::literal:
        out += "`" + part + "`";
        break;
      case Span::Style::emphasis:
        out += "*" + escaped(part) + "*";
        break;
    }
  }
  return out;
}

// At most kWidth wide where it can be, later lines behind `indent` blanks.
std::string filled(const std::string& words, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  for (std::size_t begin = 0; begin < words.size();) {
    const auto end = std::min(words.find(' ', begin), words.size());
    if (begin > 0 && column + 1 + end - begin > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (begin > 0) {
      out += " ";
      ++column;
    }
    out += words.substr(begin, end - begin);
    column += end - begin;
    begin = end + 1;
  }
  return out + "\n";
}

// In a cell of a table a bar would end it, in code too.
std::string cell(const Text& text) {
  std::string out;
  for (const auto& span : text) {
    auto part = line_of({span});
    if (span.style == Span::Style::literal) {
      for (std::size_t at = 0; (at = part.find('|', at)) != part.npos; at += 2)
        part.insert(at, "\\");
    }
    out += part;
  }
  return out;
}

std::string row_of(const std::vector<Text>& cells) {
  std::string out = "|";
  for (const auto& text : cells) out += text.empty() ? " |" : " " + cell(text) + " |";
  return out + "\n";
}

struct Writer {
  std::string out;

  void operator()(const Heading& heading) {
    separate();
    out += std::string(static_cast<std::size_t>(heading.level), '#') + " " + escaped(heading.text) +
           "\n";
  }
  void operator()(const Paragraph& paragraph) {
    separate();
    out += filled(line_of(paragraph.text), 0);
  }
  void operator()(const Code& code) {
    separate();
    for (const auto& line : code.lines) out += line.empty() ? "\n" : "    " + line + "\n";
  }
  void operator()(const Terms& terms) {
    separate();
    for (const auto& [name, lines] : terms.terms) {
      auto text = line_of(name);
      for (const auto& line : lines)
        text += (&line == &lines.front() ? ": " : "; ") + line_of(line);
      out += "- " + filled(text, 2);
    }
  }
  void operator()(const List& list) {
    separate();
    int number = 0;
    for (const auto& item : list.items) {
      const auto mark = list.numbered ? fmt::format("{}. ", ++number) : std::string("- ");
      out += mark + filled(line_of(item), mark.size());
    }
  }
  void operator()(const Table& table) {
    separate();
    out += row_of(table.head) + "|";
    for (std::size_t i = 0; i < table.head.size(); ++i) out += "---|";
    out += "\n";
    for (const auto& row : table.rows) out += row_of(row);
  }

 private:
  void separate() {
    if (!out.empty()) out += "\n";
  }
};

}  // namespace

std::string markdown_text(const Document& document) {
  Writer writer;
  for (const auto& block : document) std::visit(writer, block);
  return std::move(writer.out);
}

}  // namespace cip::cli::pages
