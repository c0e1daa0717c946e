// Pages of the manual, as they are before anybody lays them out.

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "cli/application.hpp"
#include "cli/completion.hpp"
#include "cli/help.hpp"
#include "cli/pages/command_page.hpp"
#include "cli/pages/markdown.hpp"
#include "cli/pages/protocol_page.hpp"
#include "tests/unit/cli/golden.hpp"

namespace cip::cli::pages {

namespace {

const Edition kEdition{"cipnode 1.2.3", "2026-01-31"};

struct Tree : CommandTree {
  Tree() { add_all_commands(*this); }
};

// What a page says behind its head, in one section.
std::string roff_of(const Document& document) {
  const auto page = roff_page({"page", 7, "a page"}, kEdition, document);
  const std::string name = "page \\- a page\n";
  return page.substr(page.find(name) + name.size());
}

Text first_text(std::string_view markdown) {
  return std::get<Paragraph>(read_markdown(markdown)->front()).text;
}

using Style = Span::Style;

}  // namespace

TEST_CASE("the page of a command is as agreed") {
  const Tree tree;
  for (const auto* app : shown_commands(tree)) {
    const auto name = page_name(*app);
    // A group, one with flags and one with arguments stand for all.
    if (name != "cipnode-feed" && name != "cipnode-join" && name != "cipnode-feed-append") continue;
    test::check_golden("pages/" + name + ".1", command_page(tree, *app, kEdition));
  }
}

TEST_CASE("nothing in a text is taken for a request or an escape of roff") {
  CHECK(roff_of({Paragraph{plain(".SH of 'x' \\n -- \"q\" ^ ~ `")}}) ==
        "\\&.SH of 'x' \\(rsn \\-\\- \\(dqq\\(dq \\(ha \\(ti \\(ga\n");
  CHECK(roff_of({Paragraph{literal("'a-b'")}}) == "\\fB\\(aqa\\-b\\(aq\\fR\n");
  CHECK(roff_of({Code{{".x", "", "'y"}}}) == ".RS 4\n.nf\n\\&.x\n\n\\(aqy\n.fi\n.RE\n");
  CHECK(roff_of({Paragraph{plain("a … b")}}) == "a \\[u2026] b\n");
}

TEST_CASE("long lines are broken between words, and none of them begins a request") {
  const auto text = std::string(77, 'a') + " .b";
  CHECK(roff_of({Paragraph{plain(text)}}) == std::string(77, 'a') + "\n\\&.b\n");
}

TEST_CASE("a table of two columns is a list of terms; in a wider one each cell is named") {
  const Table two{{plain("k"), plain("v")}, {{plain("a"), plain("b")}}};
  CHECK(roff_of({two}) == ".TP\na\nb\n");
  const Table three{{plain("k"), plain("v"), plain("w")}, {{plain("a"), {}, plain("c")}}};
  CHECK(roff_of({three}) == ".TP\na\nw: c\n");
}

TEST_CASE("a line of Markdown is read into what it marks") {
  const auto text = first_text("a `b*c` *d* **e** [f](g) \\*h [i] 2*3");
  REQUIRE(text.size() == 7);
  CHECK(text[0].text == "a ");
  CHECK(text[1].style == Style::literal);
  CHECK(text[1].text == "b*c");
  CHECK(text[3].style == Style::emphasis);
  CHECK(text[3].text == "d");
  CHECK(text[5].text == "e");
  CHECK(text[6].text == " f *h [i] 2*3");
}

TEST_CASE("blocks of Markdown are read, over several lines") {
  const auto document = read_markdown(
      "# Title\nOne\ntwo.\n\n    code\n\n    more\n\n- a\n  b\n- c\n\n1. x\n2. y\n\n"
      "| h | i |\n|---|---|\n| `p\\|q` | r |\n");
  REQUIRE(document);
  REQUIRE(document->size() == 6);
  CHECK(std::get<Heading>(document->at(0)).text == "Title");
  CHECK(std::get<Paragraph>(document->at(1)).text.front().text == "One two.");
  CHECK(std::get<Code>(document->at(2)).lines == std::vector<std::string>{"code", "", "more"});
  CHECK(std::get<List>(document->at(3)).items.front().front().text == "a b");
  CHECK(std::get<List>(document->at(4)).numbered);
  CHECK(std::get<Table>(document->at(5)).rows.front().front().front().text == "p|q");
}

TEST_CASE("Markdown that pages cannot hold is refused, not spoilt") {
  CHECK_FALSE(read_markdown("```\ncode\n```\n"));
  CHECK_FALSE(read_markdown("- a\n  - b\n"));
}

TEST_CASE("what is written as Markdown is read back") {
  const Document document = {Heading{1, "A"},
                             Paragraph{plain("b <c> *d* | ") + literal("e|f") + emphasis("g")},
                             Code{{"h", "", "i"}}, List{false, {plain("j"), plain("k")}},
                             Table{{plain("l")}, {{literal("m|n")}}}};
  const auto text = markdown_text(document);
  const auto read = read_markdown(text);
  REQUIRE(read);
  CHECK(markdown_text(*read) == text);
}

TEST_CASE("the page of the protocol holds every heading of its document") {
  std::ifstream file(std::string(CIP_SOURCES) + "/docs/protocol.md");
  std::ostringstream text;
  text << file.rdbuf();
  const auto page = protocol_page(text.str(), kEdition);
  REQUIRE(page);
  CHECK(page->starts_with(".TH \"CIPNODE\\-PROTOCOL\" 7 \"2026-01-31\" \"cipnode 1.2.3\""));
  CHECK(page->find(".SH \"1. BYTES\"") != std::string::npos);
  CHECK(page->find(".SH \"12. WHAT CANNOT BE HELPED\"") != std::string::npos);
}

}  // namespace cip::cli::pages
