#include "node/continuation.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::node;
using std::chrono::seconds;

TEST_CASE("a subscription goes on behind what was printed, and where nothing was printed yet") {
  Continuation call({"subscribe", {{"topic", "news"}, {"count", 5U}, {"timeoutMs", 60'000}}});
  call.note_position({{"after", {{"ann", 7U}, {"bob", 3U}}}});
  call.note_result({{"topic", "news"}, {"feed", "ann"}, {"seq", 7U}});
  call.note_result({{"topic", "news"}, {"feed", "ann"}, {"seq", 8U}});
  const auto next = call.next(seconds(10));
  REQUIRE(next);
  CHECK(next->params["topic"] == "news");
  CHECK(next->params["after"] == Json{{"ann", 9U}, {"bob", 3U}});
  CHECK(next->params["count"] == 3);
  CHECK(next->params["begunMs"] == 10'000);
  CHECK(next->params["timeoutMs"] == 50'000);
  CHECK_FALSE(call.is_complete());
}

TEST_CASE("a subscription that has printed all it was to print is over") {
  Continuation call({"subscribe", {{"topic", "news"}, {"count", 1U}}});
  CHECK_FALSE(call.is_complete());
  call.note_result({{"feed", "ann"}, {"seq", 1U}});
  CHECK(call.is_complete());
}

TEST_CASE("a followed feed goes on at the next block, or where it was to begin") {
  Continuation old({"feed.follow", {{"feed", "k"}, {"from", 4U}}});
  CHECK(old.next({})->params["from"] == 4);
  Continuation fresh({"feed.follow", {{"feed", "k"}, {"from", "new"}}});
  CHECK(fresh.next({})->params["from"] == "new");
  fresh.note_position({{"from", 12U}});
  CHECK(fresh.next({})->params["from"] == 12);
  fresh.note_result({{"key", "k"}, {"index", 12U}});
  CHECK(fresh.next({})->params["from"] == 13);
}

TEST_CASE("bytes of a feed that were printed are left out") {
  Continuation call({"feed.cat", {{"feed", "k"}}});
  call.note_data(1000);
  call.note_data(24);
  CHECK(call.next({})->params["skipBytes"] == 1024);
}

TEST_CASE("feeds are served at the same port again, which is not said twice") {
  const Json ready{{"event", "ready"}, {"tcp", "127.0.0.1:4711"}, {"keys", {"k"}}};
  Continuation call({"feed.seed", {{"feeds", {"k"}}, {"listen", "127.0.0.1:0"}}});
  CHECK_FALSE(call.is_repeated(ready));
  call.note_result(ready);
  CHECK(call.next({})->params["listen"] == "127.0.0.1:4711");
  CHECK(call.is_repeated(ready));
}

TEST_CASE("a question is asked again if nothing of it was answered, else it cannot go on") {
  Continuation call({"find", {{"id", "k"}}});
  REQUIRE(call.next({}));
  CHECK(call.next({})->params == Json{{"id", "k"}});
  call.note_result({{"hop", 1}});
  CHECK_FALSE(call.next({}));
}

TEST_CASE(
    "an append goes on behind the blocks that it told of, in however many pieces its rest came") {
  Continuation call({"feed.append", {{"feed", "log"}, {"lines", true}}});
  call.note_position({{"rest", "dHc="}, {"more", true}});
  CHECK_FALSE(call.take_rest());
  call.note_position({{"appended", 7U}, {"bytes", 20U}, {"rest", "bw=="}});
  CHECK(call.take_rest() == to_bytes(bytes_of("two")));
  CHECK(call.next({})->params ==
        Json{{"feed", "log"}, {"lines", true}, {"hadBlocks", 7U}, {"hadBytes", 20U}});
}

TEST_CASE(
    "a change goes on only where its node handed it on, with the input that it had not used") {
  Continuation call({"publish", {{"topic", "news"}, {"lines", true}}});
  call.note_result({{"topic", "news"}, {"feed", "ann"}, {"seq", 1U}});
  CHECK_FALSE(call.take_rest());
  call.note_position({{"rest", "dHc="}});
  CHECK(call.take_rest() == to_bytes(bytes_of("tw")));
  CHECK_FALSE(call.take_rest());
  CHECK(call.next({})->params == Json{{"topic", "news"}, {"lines", true}});
  call.note_position({{"rest", ""}});
  CHECK(call.take_rest() == Bytes{});
}
