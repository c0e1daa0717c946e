#include "node/since.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::node;
using Kind = overlay::Since::Kind;

namespace {
constexpr UnixMillis kWall{1'000'000'000};
}

TEST_CASE("since is start, new, last:N, a sequence number or a duration back") {
  CHECK(parse_since("start", kWall)->kind == Kind::start);
  CHECK(parse_since("new", kWall)->kind == Kind::only_new);
  CHECK(parse_since("last:7", kWall)->kind == Kind::last);
  CHECK(parse_since("last:7", kWall)->number == 7);
  CHECK(parse_since("42", kWall)->kind == Kind::seq);
  CHECK(parse_since("42", kWall)->number == 42);
  CHECK(parse_since("2h", kWall)->kind == Kind::time);
  CHECK(parse_since("2h", kWall)->wall.value == kWall.value - 7'200'000);
  CHECK(parse_since("500ms", kWall)->wall.value == kWall.value - 500);
  CHECK(parse_since("99999999999d", kWall)->wall.value == 0);
}

TEST_CASE("what says no time is a usage error with a hint") {
  for (const char* text : {"", "last:", "last:x", "5x", "x", "-1", "1h30"}) {
    const auto since = parse_since(text, kWall);
    REQUIRE_FALSE(since);
    CHECK(since.error().code == ExitCode::usage);
    CHECK_FALSE(since.error().hint.empty());
  }
}
