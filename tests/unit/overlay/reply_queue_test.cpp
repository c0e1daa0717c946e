#include "overlay/reply_queue.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::overlay;

namespace {

RequestMessage request(std::uint64_t id, std::uint64_t priority = 0) {
  RequestMessage message;
  message.id = id;
  message.priority = priority;
  return message;
}

}  // namespace

TEST_CASE("answers leave in the order of the requests") {
  ReplyQueue queue;
  queue.push(request(1));
  queue.push(request(2));
  queue.begin(71);
  queue.begin(72);
  CHECK(queue.finish(72, FeedMessage::data, {2}));
  CHECK_FALSE(queue.pop({}));
  CHECK(queue.finish(71, FeedMessage::data, {1}));
  CHECK(queue.pop({})->message == Bytes{1});
  CHECK(queue.pop({})->message == Bytes{2});
  CHECK(queue.size() == 0);
}

TEST_CASE("a request with priority overtakes those that were not begun") {
  ReplyQueue queue;
  queue.push(request(1));
  queue.begin(71);
  queue.push(request(2));
  queue.push(request(3, 1));
  CHECK(queue.next_waiting()->id == 3);
}

TEST_CASE("cancelled requests get no answer and hold nobody up") {
  ReplyQueue queue;
  for (const auto id : {1u, 2u, 3u}) queue.push(request(id));
  queue.begin(71);
  queue.begin(72);
  queue.cancel(1);
  queue.cancel(3);
  CHECK(queue.find(71) == nullptr);
  CHECK(queue.next_waiting() == nullptr);
  CHECK(queue.finish(72, FeedMessage::data, {2}));
  CHECK_FALSE(queue.pop({}));  // the feed still works on the first
  CHECK(queue.finish(71, FeedMessage::data, {1}));
  CHECK(queue.pop({})->message == Bytes{2});
  CHECK_FALSE(queue.pop({}));
}

TEST_CASE("a repeated id replaces the older request") {
  ReplyQueue queue;
  queue.push(request(1));
  queue.begin(71);
  queue.push(request(1));
  CHECK(queue.find(71) == nullptr);
  CHECK(queue.waiting() == 1);
  queue.begin(72);
  CHECK(queue.finish(71, FeedMessage::data, {1}));
  CHECK(queue.finish(72, FeedMessage::data, {2}));
  CHECK(queue.pop({})->message == Bytes{2});
  CHECK_FALSE(queue.pop({}));
}

TEST_CASE("an answer that is not due yet waits and says until when") {
  ReplyQueue queue;
  queue.push(request(1));
  const TimePoint due{std::chrono::seconds(1)};
  queue.answer(FeedMessage::no_data, {9}, due);
  CHECK_FALSE(queue.pop({}));
  CHECK(queue.next_due() == due);
  CHECK(queue.pop(due));
}
