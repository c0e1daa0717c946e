#include "cli/config_file.hpp"

#include <doctest/doctest.h>

namespace cip::cli {

namespace {
using Values = std::vector<std::string>;

std::string problem_of(std::string_view text) {
  const auto read = parse_config(text, "config.toml");
  return read.problem ? read.problem->message : "";
}
}  // namespace

TEST_CASE("a config file is keys with strings, numbers, switches and arrays") {
  const auto read = parse_config(
      "# a comment\n"
      "listen = \"0.0.0.0:1\"   # behind a value\r\n"
      "\n"
      "public = true\n"
      "count=12\n"
      "raw = 'C:\\x'\n"
      "escaped = \"a \\\"#\\\" \\\\ b\\t\"\n"
      "bootstrap = [ \"a:1\",\n"
      "  # inside\n"
      "  \"b:2\", ]\n"
      "none = []\n"
      "feed.seed.once = true",
      "config.toml");
  const auto& entries = read.entries;
  REQUIRE_FALSE(read.problem);
  REQUIRE(entries.size() == 8);
  CHECK(entries.at(0).key == "listen");
  CHECK(entries.at(0).values == Values{"0.0.0.0:1"});
  CHECK(entries.at(0).line == 2);
  CHECK(entries.at(1).values == Values{"true"});
  CHECK(entries.at(2).values == Values{"12"});
  CHECK(entries.at(3).values == Values{"C:\\x"});
  CHECK(entries.at(4).values == Values{"a \"#\" \\ b\t"});
  CHECK(entries.at(5).values == Values{"a:1", "b:2"});
  CHECK(entries.at(5).line == 8);
  CHECK(entries.at(6).values.empty());
  CHECK(entries.at(7).key == "feed.seed.once");
  CHECK(parse_config("", "config.toml").entries.empty());
  CHECK(parse_config("\xEF\xBB\xBF"
                     "a = 1",
                     "config.toml")
            .entries.at(0)
            .key == "a");
}

TEST_CASE("what cannot be read is refused with its line") {
  CHECK(problem_of("a = 1\nb\n") == "config.toml, line 2: expected key = value");
  CHECK(problem_of("[join]\n") ==
        "config.toml, line 1: tables are not used here: write plain key = value lines");
  CHECK(problem_of("a = \"open\n") == "config.toml, line 1: the string has no closing quote");
  CHECK(problem_of("a = \"\\u0041\"") == "config.toml, line 1: unknown escape in the string");
  CHECK(problem_of("a = 0.0.0.0:1") == "config.toml, line 1: unexpected text behind the value");
  CHECK(
      problem_of("a = yes") ==
      "config.toml, line 1: expected a string in quotes, a whole number, true, false or an array");
  CHECK(problem_of("a = [1\n2]") == "config.toml, line 2: expected , or ] in the array");
  CHECK(problem_of("a = [1") == "config.toml, line 1: expected , or ] in the array");
  CHECK(problem_of("a = 1\na = 2") == "config.toml, line 2: 'a' is set twice");
  CHECK(problem_of("= 1") == "config.toml, line 1: expected key = value");
}

TEST_CASE("what stands in front of a mistake is read, and its line is known") {
  const auto read = parse_config("a = 1\nb = 2\n[c]\nd = 3\n", "config.toml");
  CHECK(read.entries.size() == 2);
  CHECK(read.problem_line == 3);
}

}  // namespace cip::cli
