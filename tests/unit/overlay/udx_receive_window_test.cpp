#include "overlay/transport/udx/receive_window.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
TimePoint at(Duration time) { return TimePoint{} + time; }

}  // namespace

TEST_CASE("the first window is 1 MiB less what is held, in steps of 16 KiB") {
  UdxReceiveWindow window;
  CHECK(UdxReceiveWindow{}.advertise(0, kReceiveRoom) == kMiB);
  CHECK(window.advertise(1, kReceiveRoom) == kMiB - kReceiveStep);
  CHECK(UdxReceiveWindow{}.advertise(2 * kMiB, kReceiveRoom) == 0);
}

TEST_CASE("the room of all streams bounds the window of each") {
  CHECK(UdxReceiveWindow{}.advertise(0, 100'000) == 6 * kReceiveStep);
  CHECK(UdxReceiveWindow{}.advertise(0, 0) == 0);
}

TEST_CASE("the right edge never moves back") {
  SeededRandom random(1);
  UdxReceiveWindow window;
  std::uint64_t in_order = 0;
  std::uint64_t edge = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto bytes = random.below(200'000);
    window.on_in_order(at(i * 1ms), bytes, 10ms, kReceiveRoom);
    in_order += bytes;
    const auto advertised = window.advertise(random.below(2 * kMiB), random.below(kReceiveRoom));
    CHECK(advertised <= kMaxReceiveBudget);
    if (in_order + advertised < edge) CHECK(advertised == 0);
    CHECK((in_order + advertised >= edge || in_order > edge));
    edge = in_order + advertised;
  }
}

TEST_CASE("bytes that a reader does not take close the window, and it opens when they are taken") {
  UdxReceiveWindow window;
  CHECK(window.advertise(0, kReceiveRoom) == kMiB);
  window.on_in_order(at(1s), kMiB / 4, 1ms, kReceiveRoom);
  window.on_in_order(at(2s), kMiB / 4, 1ms, kReceiveRoom);
  window.on_in_order(at(3s), kMiB / 4, 1ms, kReceiveRoom);
  window.on_in_order(at(4s), kMiB / 4, 1ms, kReceiveRoom);
  CHECK(window.advertise(kMiB, kReceiveRoom) == 0);
  CHECK_FALSE(window.has_opened(kMiB, kReceiveRoom));
  CHECK(window.has_opened(kMiB - kReceiveStep, kReceiveRoom));
  CHECK(window.advertise(kMiB / 4, kReceiveRoom) == kMiB * 3 / 4);
  CHECK_FALSE(window.has_opened(kMiB / 4, kReceiveRoom));
  CHECK_FALSE(window.has_opened(0, kReceiveRoom));  // a quarter more is told with the next packet
}

TEST_CASE("half of a budget that opens is told unasked") {
  UdxReceiveWindow window;
  CHECK(window.advertise(kMiB * 3 / 4, kReceiveRoom) == kMiB / 4);
  CHECK_FALSE(window.has_opened(kMiB / 2, kReceiveRoom));
  CHECK(window.has_opened(kMiB / 4, kReceiveRoom));
}

TEST_CASE("a packet may reach over the edge") {
  UdxReceiveWindow window;
  CHECK(window.advertise(kMiB - kReceiveStep, kReceiveRoom) == kReceiveStep);
  window.on_in_order(at(1s), kReceiveStep + 1000, 1ms, kReceiveRoom);
  CHECK(window.advertise(kMiB, kReceiveRoom) == 0);
}

TEST_CASE("a budget doubles when a round brings more than half of it, up to 16 MiB") {
  UdxReceiveWindow window;
  auto now = at(0s);
  window.on_in_order(now, kMiB / 2, 100ms, kReceiveRoom);
  CHECK(window.budget() == kMiB);
  window.on_in_order(now += 200ms, kMiB / 2, 100ms, kReceiveRoom);  // a round of its own
  CHECK(window.budget() == kMiB);
  window.on_in_order(now += 50ms, 1, 100ms, kReceiveRoom);
  CHECK(window.budget() == 2 * kMiB);
  for (int i = 0; i < 10; ++i) window.on_in_order(now += 1ms, 9 * kMiB, 100ms, kReceiveRoom);
  CHECK(window.budget() == kMaxReceiveBudget);
}

TEST_CASE("a budget grows where no round trip is known") {
  UdxReceiveWindow window;
  for (int i = 1; i <= 15; ++i) window.on_in_order(at(i * 10ms), kMiB / 20, 0ms, kReceiveRoom);
  CHECK(window.budget() == 2 * kMiB);
}

TEST_CASE("no budget grows while the room is half full") {
  UdxReceiveWindow window;
  window.on_in_order(at(1s), kMiB, 100ms, kReceiveRoom / 2 - 1);
  CHECK(window.budget() == kMiB);
}

TEST_CASE("the room counts what is held and refuses what would be too much") {
  UdxReceiveRoom room(100);
  CHECK(room.take(60));
  CHECK_FALSE(room.take(41));
  CHECK(room.left() == 40);
  CHECK(room.take(40));
  room.give_back(100);
  CHECK(room.left() == 100);
}
