#include "node/names.hpp"

#include <doctest/doctest.h>

#include "node/feed_loader.hpp"
#include "node/topic_library.hpp"

using namespace cip::node;

TEST_CASE("a name that a feed may get names it in every command") {
  for (const auto* text : {"log", "LOG", "日本語", "emoji 🎉", "a/b", "../x", "*", "null", "0", "é",
                           "topic:abc", "id:00", "file:///etc/passwd"}) {
    CAPTURE(text);
    CHECK_FALSE(feed_name_fault(text));
    const auto read = parse_feed_name(text);
    REQUIRE(read);
    CHECK(read->name == text);
    CHECK_FALSE(read->key);
  }
}

TEST_CASE("what reads as something else is no name of a feed") {
  for (const auto& text :
       {std::string(), std::string(" "), std::string("a "), std::string("a\nb"),
        std::string("\x1b[2J"), std::string("\xff"), std::string(256, 'x'), std::string("key:abc"),
        std::string("name:abc"), std::string("hyper://foo"), std::string("pear://x/y"),
        std::string(64, 'a'), std::string(52, 'y')}) {
    CAPTURE(text);
    CHECK(feed_name_fault(text));
  }
}

TEST_CASE("topics have no wildcards") {
  for (const auto* text : {"#", "+", "*", ">", "a/#", "a/+/b", "+/a", "a.*", "a.>", "**/b"}) {
    CAPTURE(text);
    CHECK(topic_name_fault(text));
    CHECK_FALSE(parse_topic(text));
  }
  for (const auto* text : {"weather", "c++", "a/b", "a.b.c", "#1", "tag#2", "x>y", "日本語"}) {
    CAPTURE(text);
    CHECK_FALSE(topic_name_fault(text));
    CHECK(parse_topic(text));
  }
}
