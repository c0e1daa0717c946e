#pragma once

// A page before it is laid out: headings, paragraphs, lists. Written as roff for man (roff.hpp) or
// as Markdown for docs (markdown.hpp), and read from the Markdown that docs are written in.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cip::cli::pages {

// A run of text in one style.
struct Span {
  enum class Style { plain, literal, emphasis };  // literal: as one types it
  Style style = Style::plain;
  std::string text;
};
using Text = std::vector<Span>;

Text plain(std::string text);
Text literal(std::string text);
Text emphasis(std::string text);
// Plain text in which `...` is literal, as help texts and sentences of ours have it.
Text ticked(std::string_view text);
Text operator+(Text left, const Text& right);

struct Heading {
  int level = 1;  // 1: of the page, 2: a section, 3: a part of one
  std::string text;
};
struct Paragraph {
  Text text;
};
// Lines that stay as they are.
struct Code {
  std::vector<std::string> lines;
};
// Terms, each with what it means: a line for every text.
struct Terms {
  struct Term {
    Text name;
    std::vector<Text> lines;
  };
  std::vector<Term> terms;
};
struct List {
  bool numbered = false;
  std::vector<Text> items;
};
struct Table {
  std::vector<Text> head;
  std::vector<std::vector<Text>> rows;  // as many cells as the head
};

using Block = std::variant<Heading, Paragraph, Code, Terms, List, Table>;
using Document = std::vector<Block>;

}  // namespace cip::cli::pages
