#include "cli/suggest.hpp"

#include <doctest/doctest.h>

namespace cip::cli {

TEST_CASE("edits are counted with swaps of neighbours as one") {
  CHECK(edit_distance("find", "find") == 0);
  CHECK(edit_distance("fnid", "find") == 1);
  CHECK(edit_distance("fnd", "find") == 1);
  CHECK(edit_distance("FIND", "find") == 0);
  CHECK(edit_distance("", "find") == 4);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest candidate is suggested, a far one is not") {
  const std::vector<std::string> commands = {"find", "feed", "publish", "subscribe", "status"};
  CHECK(nearest("fnd", commands) == "find");
  CHECK(nearest("publsh", commands) == "publish");
  CHECK(nearest("sub", commands) == "subscribe");
  CHECK(nearest("stauts", commands) == "status");
  CHECK(nearest("xyzzy", commands) == "");
  CHECK(nearest("", commands) == "");
  CHECK(nearest("anything", {}) == "");
}

TEST_CASE("the beginning of a word wins over one changed letter") {
  CHECK(nearest("pub", {"put", "publish"}) == "publish");
  CHECK(nearest("top", {"stop", "topic"}) == "topic");
  CHECK(nearest("PUB", {"put", "publish"}) == "publish");
}

TEST_CASE("a single letter is the beginning of one word or of none, and never a slip") {
  CHECK(nearest("d", {"id", "doctor", "find"}) == "doctor");
  CHECK(nearest("s", {"status", "size", "ls"}) == "");
  CHECK(nearest("x", {"id", "ls"}) == "");
  CHECK(nearest("d", {"download", "drop"}) == "");
  CHECK(nearest("t", {"truncate", "ls"}) == "");
}

TEST_CASE("of several slips the one of fewest edits is meant") {
  CHECK(nearest("--versoin", {"--verbose", "--version"}) == "--version");
}

TEST_CASE("what other programs call so is found") {
  CHECK(nearest("list", {"create", "ls", "info"}) == "ls");
  CHECK(nearest("daemon", {"join", "find"}) == "join");
  CHECK(nearest("list", {"create", "info"}) == "");
}

TEST_CASE("nothing destructive is ever proposed") {
  const std::vector<std::string> all = {"stop", "drop", "truncate", "clear", "unseed", "seed"};
  for (const auto* word :
       {"shop", "top", "prop", "drip", "clean", "rm", "delete", "useed", "trunc", "tr", "clea"}) {
    CAPTURE(word);
    CHECK_FALSE(is_destructive(nearest(word, all)));
  }
  CHECK(nearest("st", {"stop", "status"}) == "status");
  CHECK(nearest("sto", {"stop"}) == "");
}

}  // namespace cip::cli
