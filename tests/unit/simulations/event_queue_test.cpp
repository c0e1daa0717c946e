#include "simulations/event_queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/random.hpp"

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
  while (!queue.empty()) order.push_back(queue.pop().node);
  CHECK(order == std::vector<std::uint32_t>{2, 4, 1, 3});
}

TEST_CASE("whatever lies between them, events come in the order of a sorted list") {
  SeededRandom random{7};
  EventQueue queue;
  std::vector<std::pair<TimePoint, std::uint32_t>> expected;  // made in this order
  TimePoint now{};
  const auto pop = [&] {
    const auto first =
        std::min_element(expected.begin(), expected.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto event = queue.pop();
    CHECK(event.at == first->first);
    CHECK(event.node == first->second);
    now = event.at;
    expected.erase(first);
  };
  // From microseconds to some hours ahead, often the same instant.
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const auto reach = std::uint64_t{1} << random.below(34);
    const TimePoint at = now + Duration(static_cast<Duration::rep>(random.below(reach)));
    queue.push(at, Kind::message, i);
    expected.emplace_back(at, i);
    if (random.below(3) == 0) pop();
  }
  while (!queue.empty()) pop();
  CHECK(expected.empty());
}
