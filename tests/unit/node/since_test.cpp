#include "node/since.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::node;
using Kind = overlay::Since::Kind;

TEST_CASE("since is start, new, last:N, a sequence number or a duration back") {
  CHECK(parse_since("start")->kind == Kind::start);
  CHECK(parse_since("new")->kind == Kind::only_new);
  CHECK(parse_since("last:7")->kind == Kind::last);
  CHECK(parse_since("last:7")->number == 7);
  CHECK(parse_since("42")->kind == Kind::seq);
  CHECK(parse_since("42")->number == 42);
  CHECK(parse_since("2h")->kind == Kind::time);
  CHECK(parse_since("2h")->ago == std::chrono::hours(2));
  CHECK(parse_since("500ms")->ago == std::chrono::milliseconds(500));
  CHECK(parse_since("99999999999d")->ago == std::chrono::hours(24 * 365 * 1000));
}

TEST_CASE("what says no time is a usage error with a hint") {
  for (const char* text : {"", "last:", "last:x", "5x", "x", "-1", "1h30"}) {
    const auto since = parse_since(text);
    REQUIRE_FALSE(since);
    CHECK(since.error().code == ExitCode::usage);
    CHECK_FALSE(since.error().hint.empty());
  }
}
