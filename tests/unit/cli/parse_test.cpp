#include "cli/parse.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"

namespace cip::cli {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
const std::string kZ32 = to_z32(Bytes32{1, 2, 3});
const std::string kHex = to_hex(Bytes32{1, 2, 3});
}  // namespace

TEST_CASE("durations carry a unit") {
  CHECK(parse_duration("500ms") == Duration(milliseconds(500)));
  CHECK(parse_duration("2s") == Duration(seconds(2)));
  CHECK(parse_duration("1.5h") == Duration(hours(3)) / 2);
  CHECK(parse_duration("3m") == Duration(seconds(180)));
  CHECK(parse_duration("3min") == Duration(seconds(180)));
  CHECK(parse_duration("7D") == Duration(hours(7 * 24)));
  CHECK(parse_duration("10us") == Duration(microseconds(10)));
  CHECK(parse_duration("0") == Duration::zero());
}

TEST_CASE("what is no duration is named with an example") {
  for (const auto* text : {"", "5", "s", "-1s", "1e3s", " 1s", "1 s", "1s ", "1.s", ".5s", "1.2.3s",
                           "999999999999h", "1w"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
  CHECK(parse_duration("soon").error() == "'soon' is not a duration such as 500ms, 2s, 10m or 1h");
}

TEST_CASE("sizes count in powers of 1024") {
  CHECK(parse_size("100") == 100);
  CHECK(parse_size("64k") == 65536);
  CHECK(parse_size("5M") == 5 * 1024 * 1024);
  CHECK(parse_size("1GiB") == 1073741824);
  CHECK(parse_size("2kb") == 2048);
  CHECK(parse_size("0.5k") == 512);
  CHECK(parse_size("7B") == 7);
  for (const auto* text : {"", "k", "-1", "1x", "1kk", "1ib", "0.3", "99999999T", "1 k"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("ranges may be open at either end") {
  const auto closed = parse_range("10..20");
  REQUIRE(closed);
  CHECK(closed->start == 10);
  CHECK(closed->end == 20u);
  CHECK(to_text(*parse_range("5..")) == "5..");
  CHECK(to_text(*parse_range("..7")) == "0..7");
  CHECK(to_text(*parse_range("..")) == "0..");
  for (const auto* text : {"", "5", "5-6", "a..b", "5...6", "-1..2", "2..1", "1..2..3"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_range(text));
  }
}

TEST_CASE("contacts are a host or an address with a port that is not 0") {
  for (const auto* text : {"127.0.0.1:49737", "node.example.org:1", "localhost:65535"}) {
    CAPTURE(text);
    CHECK(parse_contact(text) == text);
  }
  for (const auto* text : {"", "127.0.0.1", "127.0.0.1:", ":5", "host:0", "host:65536",
                           "300.1.1.1:5", "1.2.3:5", "ho st:5", "host:-5", "host:5x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_contact(text));
  }
}

TEST_CASE("a peer is a contact or the key of a node") {
  for (const auto& text : {std::string("node.example.org:1"), std::string(64, 'a')}) {
    CAPTURE(text);
    CHECK(parse_peer(text) == text);
  }
  CHECK(parse_peer("1.2.3.4").error().find("or the key of a node") != std::string::npos);
}

TEST_CASE("what is wrong with a contact is named") {
  const auto says = [](std::string_view text, std::string_view words) {
    return parse_contact(text).error().find(words) != std::string::npos;
  };
  CHECK(says("[::1]:49737", "IPv6"));
  CHECK(says("::1", "IPv6"));
  CHECK(says("1.2.3.4", "no port"));
  CHECK(says("1.2.3.4:", "no port"));
  CHECK(says(":04001", "leading zeros"));
  CHECK(says("host:99999", "up to 65535"));
  CHECK(says("host:0", "port 0"));
  CHECK(says(":5", "no host"));
  CHECK(says("ho st:5", "host"));
}

TEST_CASE("listening takes any port and no host for all interfaces") {
  CHECK(parse_listen("127.0.0.1:0") == Endpoint{0x7f000001, 0});
  CHECK(parse_listen("localhost:80") == Endpoint{0x7f000001, 80});
  CHECK(parse_listen(":0") == Endpoint{0, 0});
  CHECK(parse_listen("0.0.0.0:49737") == Endpoint{0, 49737});
  for (const auto* text : {"", "127.0.0.1", "127.0.0.1:99999", "example.org:80", "1.2.3.4.5:1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_listen(text));
  }
}

TEST_CASE("keys come in all their forms") {
  for (const auto& text : {kZ32, kHex, "hyper://" + kZ32, "pear://" + kZ32 + "/path"}) {
    CAPTURE(text);
    CHECK(parse_key_text(text) == Bytes32{1, 2, 3});
  }
  CHECK_FALSE(parse_key_text(""));
  CHECK_FALSE(parse_key_text(kZ32.substr(1)));
  CHECK_FALSE(parse_key_text("not-a-key"));
}

TEST_CASE("a feed is a key or a name and prefixes settle doubt") {
  for (const auto& text : {std::string("log"), kZ32, "key:" + kZ32, std::string("name:") + kZ32}) {
    CAPTURE(text);
    CHECK(parse_feed_text(text) == text);
  }
  for (const auto* text : {"", "key:log", "name:", "hyper://log"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_feed_text(text));
  }
}

TEST_CASE("a topic is a name, a private key or a bare target") {
  for (const auto& text : {std::string("weather"), "topic:" + kZ32, "id:" + kHex}) {
    CAPTURE(text);
    CHECK(parse_topic_text(text) == text);
  }
  for (const auto& text :
       {std::string(), std::string("topic:weather"), "id:" + kZ32, std::string("id:00")}) {
    CAPTURE(text);
    CHECK_FALSE(parse_topic_text(text));
  }
}

TEST_CASE("since takes words, numbers and durations") {
  for (const auto* text : {"start", "new", "last:10", "42", "1h"}) {
    CAPTURE(text);
    CHECK(parse_since(text) == text);
  }
  for (const auto* text : {"", "last", "last:", "last:x", "yesterday", "-1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_since(text));
  }
}

TEST_CASE("a label is UTF-8, so that no two of them become one on their way to the node") {
  CHECK(parse_label("n\u00e4chste Woche") == "n\u00e4chste Woche");
  for (const auto* text : {"", "\xff", "a\xfe"}) CHECK_FALSE(parse_label(text));
}

TEST_CASE("what was typed is quoted without its control characters") {
  CHECK(parse_count("\x1b[2J").error() == "'\\x1b[2J' is not a whole number");
}

}  // namespace cip::cli
