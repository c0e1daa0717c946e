#include "cli/pages/roff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace cip::cli::pages {
namespace {

// Lines of the source, where it can be broken.
constexpr std::size_t kWidth = 78;

// The character that begins at `at`, which moves behind it. What is no UTF-8 counts as one byte.
char32_t next_character(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at++]);
  const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
  char32_t out = more == 0 ? first : first & (0x3f >> more);
  for (int i = 0; i < more && at < text.size(); ++i) {
    out = out << 6 | (static_cast<unsigned char>(text[at++]) & 0x3f);
  }
  return out;
}

std::string escaped(std::string_view text, bool is_literal) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto character = next_character(text, at);
    if (character == U'\\') {
      out += "\\(rs";
    } else if (character == U'-') {
      out += "\\-";
    } else if (character == U'"') {
      out += "\\(dq";
    } else if (character == U'^') {
      out += "\\(ha";
    } else if (character == U'~') {
      out += "\\(ti";
    } else if (character == U'`') {
      out += "\\(ga";
    } else if (character == U'\'' && is_literal) {
      out += "\\(aq";
    } else if (character < 0x80) {
      out += static_cast<char>(character);
    } else {
      out += fmt::format("\\[u{:04X}]", static_cast<std::uint32_t>(character));
    }
  }
  return out;
}

std::string line_of(const Text& text) {
  std::string out;
  for (const auto& [style, part] : text) {
    const bool is_literal = style == Span::Style::literal;
    const auto inside = escaped(part, is_literal);
    if (style == Span::Style::plain) {
      out += inside;
    } else {
      out += (is_literal ? "\\fB" : "\\fI") + inside + "\\fR";
    }
  }
  return out;
}

// A line that begins with one of these would be a request.
std::string guarded(std::string line) {
  return line.starts_with('.') || line.starts_with('\'') ? "\\&" + line : line;
}

// Filled by whoever shows it, so that lines break where they like.
std::string filled(const Text& text) {
  std::string out, line;
  const auto words = line_of(text);
  for (std::size_t begin = 0; begin < words.size();) {
    const auto end = std::min(words.find(' ', begin), words.size());
    const auto word = words.substr(begin, end - begin);
    if (!line.empty() && line.size() + 1 + word.size() > kWidth) {
      out += guarded(line) + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  return out + guarded(line) + "\n";
}

class Writer {
 public:
  explicit Writer(std::string head) : out_(std::move(head)) {}

  void operator()(const Heading& heading) {
    auto text = heading.text;
    if (heading.level <= 2) std::ranges::transform(text, text.begin(), upper);
    out_ += fmt::format("{} \"{}\"\n", heading.level <= 2 ? ".SH" : ".SS", escaped(text, false));
    after_heading_ = true;
  }
  void operator()(const Paragraph& paragraph) {
    begin_block();
    out_ += filled(paragraph.text);
  }
  void operator()(const Code& code) {
    begin_block();
    out_ += ".RS 4\n.nf\n";
    for (const auto& line : code.lines) out_ += guarded(escaped(line, true)) + "\n";
    out_ += ".fi\n.RE\n";
  }
  void operator()(const Terms& terms) {
    for (const auto& [name, lines] : terms.terms) {
      out_ += ".TP\n" + guarded(line_of(name)) + "\n";
      for (std::size_t i = 0; i < lines.size(); ++i) {
        out_ += (i > 0 ? ".br\n" : "") + filled(lines[i]);
      }
    }
    after_heading_ = false;
  }
  void operator()(const List& list) {
    int number = 0;
    for (const auto& item : list.items) {
      out_ += list.numbered ? fmt::format(".IP {}. 4\n", ++number) : ".IP \\(bu 4\n";
      out_ += filled(item);
    }
    after_heading_ = false;
  }
  void operator()(const Table& table) {
    Terms terms;
    for (const auto& row : table.rows) terms.terms.push_back(term_of(table.head, row));
    (*this)(terms);
  }
  std::string take() { return std::move(out_); }

 private:
  static char upper(char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  void begin_block() {
    if (!after_heading_) out_ += ".PP\n";
    after_heading_ = false;
  }
  static Terms::Term term_of(const std::vector<Text>& head, const std::vector<Text>& row) {
    Terms::Term term{row.front(), {}};
    for (std::size_t i = 1; i < row.size(); ++i) {
      if (row[i].empty()) continue;
      const bool is_named = row.size() > 2 && !head[i].empty();
      term.lines.push_back(is_named ? head[i] + plain(": ") + row[i] : row[i]);
    }
    return term;
  }

  std::string out_;
  bool after_heading_ = true;  // a heading and its first paragraph need nothing between them
};

}  // namespace

std::string roff_page(const PageHead& head, const Edition& edition, const Document& document) {
  auto title = head.name;
  std::ranges::transform(title, title.begin(), [](unsigned char c) { return std::toupper(c); });
  Writer writer(
      fmt::format(".TH \"{}\" {} \"{}\" \"{}\" \"Manual of cipnode\"\n.SH NAME\n{} \\- {}\n",
                  escaped(title, false), head.section, edition.date, edition.version,
                  escaped(head.name, false), escaped(head.summary, false)));
  for (const auto& block : document) std::visit(writer, block);
  return writer.take();
}

}  // namespace cip::cli::pages
