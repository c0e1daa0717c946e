#include "cli/shell_words.hpp"

#include <doctest/doctest.h>

namespace cip::cli {

namespace {

using Words = std::vector<std::string>;

const Environment kEnvironment = [](const std::string& name) -> std::optional<std::string> {
  if (name == "HOME") return "/home/me";
  if (name == "D") return "a b";
  return std::nullopt;
};

Words words(std::string_view line) { return shell_words(line, kEnvironment); }

}  // namespace

TEST_CASE("the last word of a line is what is being typed, empty behind a blank") {
  CHECK(words("cipnode  feed ca") == Words{"cipnode", "feed", "ca"});
  CHECK(words("cipnode feed ") == Words{"cipnode", "feed", ""});
  CHECK(words("") == Words{""});
}

TEST_CASE("quotes hold a word together, open ones too") {
  CHECK(words("a 'b c' d") == Words{"a", "b c", "d"});
  CHECK(words("a 'b c") == Words{"a", "b c"});
  CHECK(words(R"(a "b \" \c" '')") == Words{"a", R"(b " \c)", ""});
  CHECK(words(R"(a b\ c)") == Words{"a", "b c"});
  CHECK(words("a '") == Words{"a", ""});
}

TEST_CASE("~ and variables are what they stand for, where a shell would read them") {
  CHECK(words("~ ~/x a~ '~' ~you/x") == Words{"/home/me", "/home/me/x", "a~", "~", "~you/x"});
  CHECK(words(R"($HOME/x ${HOME}y "$D" '$D')") == Words{"/home/me/x", "/home/mey", "a b", "$D"});
}

TEST_CASE("what the environment does not have, or what would have to run, stays as it is") {
  CHECK(words("$NONE/x ${NONE} ${HOME $ $(id)") ==
        Words{"$NONE/x", "${NONE}", "${HOME", "$", "$(id)"});
}

TEST_CASE("a single word may have blanks") {
  CHECK(shell_word("a b", kEnvironment) == "a b");
  CHECK(shell_word("'a", kEnvironment) == "a");
}

}  // namespace cip::cli
