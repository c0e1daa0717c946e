#include "cli/console.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

namespace cip::cli {

TEST_CASE("control characters become visible, lines and tabs stay") {
  TerminalEscaper escaper;
  CHECK(escaper.escape("a\tb\n\x1b[2J\x07") == "a\tb\n\\x1b[2J\\x07");
  CHECK(escaper.finish() == "");
}

TEST_CASE("a character cut between two pieces comes out whole") {
  TerminalEscaper escaper;
  const std::string text = "grün €\xf0\x9f\x99\x82!";
  std::string out;
  for (const char byte : text) out += escaper.escape(std::string(1, byte));
  CHECK(out + escaper.finish() == text);
}

TEST_CASE("a character that never ends is shown as bytes") {
  TerminalEscaper escaper;
  CHECK(escaper.escape("a\xe2\x82") == "a");
  CHECK(escaper.finish() == "\\xe2\\x82");
}

TEST_CASE("bytes that are not UTF-8 are shown as bytes") {
  TerminalEscaper escaper;
  CHECK(escaper.escape("\xff\x80z") == "\\xff\\x80z");
}

TEST_CASE("text is as wide as $COLUMNS wants, unless that is no width") {
  for (const auto& [wanted, width] : {std::pair{"40", 40}, {"132", 132}}) {
    ::setenv("COLUMNS", wanted, 1);
    CHECK(ProcessConsole().out_columns == width);
  }
  for (const auto* wanted : {"", "0", "wide", "-3"}) {
    CAPTURE(wanted);
    ::setenv("COLUMNS", wanted, 1);
    const int told = ProcessConsole().out_columns;
    ::unsetenv("COLUMNS");
    CHECK(told == ProcessConsole().out_columns);
  }
}

}  // namespace cip::cli
