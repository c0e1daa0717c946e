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

}  // namespace cip::cli
