#include "simulations/event_queue.hpp"

#include <doctest/doctest.h>

using namespace cip;
using simulations::EventQueue;
using Kind = simulations::QueuedEvent::Kind;

TEST_CASE("events come in the order of time, those of one instant in the order they were made") {
  EventQueue queue;
  queue.push(TimePoint(Duration(20)), Kind::timer, 1);
  queue.push(TimePoint(Duration(10)), Kind::message, 2);
  queue.push(TimePoint(Duration(20)), Kind::message, 3);
  queue.push(TimePoint(Duration(10)), Kind::timer, 4);
  std::vector<std::uint32_t> order;
  while (!queue.empty()) order.push_back(queue.pop().subject);
  CHECK(order == std::vector<std::uint32_t>{2, 4, 1, 3});
}
