#include "base/text.hpp"

#include <doctest/doctest.h>

#include "tests/support/vectors.hpp"

using namespace cip;

TEST_CASE("z32 of the vectors encodes and decodes") {
  for (const auto& item : test::load_vectors("feeds/keys.json", "z32")) {
    const auto bytes = test::hex(item["hex"]);
    CHECK(to_z32(bytes) == item["z32"].get<std::string>());
    CHECK(*from_z32(item["z32"].get<std::string>()) == bytes);
  }
}

TEST_CASE("a key is read from z32, hex, hyper:// and pear://") {
  const Bytes32 key{1, 2, 3};
  for (const auto& text :
       {to_z32(key), to_hex(key), "hyper://" + to_z32(key), "pear://" + to_hex(key) + "/a/b"}) {
    CAPTURE(text);
    const auto parsed = parse_key(text);
    REQUIRE(parsed);
    CHECK(*parsed == key);
  }
}

TEST_CASE("text that is not a key is refused") {
  const auto z32 = to_z32(Bytes32{});
  for (const auto& text :
       {std::string(), z32 + "y", z32.substr(1), "L" + z32.substr(1), std::string(64, 'g'),
        z32.substr(0, 51) + "b", "http://" + z32, std::string("hyper://")}) {
    CAPTURE(text);
    CHECK_FALSE(parse_key(text));
  }
}

TEST_CASE("control characters and broken UTF-8 are escaped for a terminal") {
  CHECK(escape_for_terminal("a\x1b[31mb") == "a\\x1b[31mb");
  CHECK(escape_for_terminal("bl\xc3\xa5 \xe2\x82\xac \xf0\x9f\x90\x9f") ==
        "bl\xc3\xa5 \xe2\x82\xac \xf0\x9f\x90\x9f");
  CHECK(escape_for_terminal("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(escape_for_terminal("\xff\xc3") == "\\xff\\xc3");
  CHECK(escape_for_terminal("tab\tline\n") == "tab\tline\n");
}

TEST_CASE("overlong forms, surrogates and lone bytes are not UTF-8") {
  for (const auto* text : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                           "\xf5\x80\x80\x80", "\x80"}) {
    CHECK_FALSE(is_utf8(bytes_of(text)));
  }
  CHECK(is_utf8(bytes_of("plain \xc3\xa5")));
}
