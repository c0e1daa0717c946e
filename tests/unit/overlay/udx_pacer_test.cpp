#include "overlay/transport/udx/pacer.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPacket = 1000;
TimePoint at(Duration time) { return TimePoint{} + time; }

// Bytes that leave in a second, by an owner whose timer is late by `late`.
std::size_t sent_in_a_second(std::uint64_t rate, Duration late) {
  UdxPacer pacer;
  std::size_t sent = 0;
  for (auto now = at(0s); now < at(1s); now = std::max(pacer.next(rate), now) + late) {
    while (const auto allowed = pacer.allowance(now, rate, kPacket)) {
      pacer.on_sent(now, rate, allowed);
      sent += allowed;
    }
  }
  return sent;
}

}  // namespace

TEST_CASE("a burst is worth 1 ms, from 2 packets to 64 KiB") {
  CHECK(udx_burst(10'000'000, kPacket) == 10'000);
  CHECK(udx_burst(100'000, kPacket) == 2 * kPacket);
  CHECK(udx_burst(1'000'000'000, kPacket) == 65'536);
}

TEST_CASE("bursts leave as far apart as they are worth") {
  UdxPacer pacer;
  CHECK(pacer.allowance(at(1s), 1'000'000, kPacket) == 2000);
  pacer.on_sent(at(1s), 1'000'000, 2000);
  pacer.on_sent(at(1s), 1'000'000, 2000);
  CHECK(pacer.next(1'000'000) == at(1s + 3ms));  // 1 ms had been saved up
  CHECK(pacer.allowance(at(1s + 2999us), 1'000'000, kPacket) == 0);
  CHECK(pacer.allowance(at(1s + 3ms), 1'000'000, kPacket) == 2000);
}

TEST_CASE("over time the rate is kept, by a timer that is late as well") {
  for (const std::uint64_t rate : {100'000, 5'000'000, 400'000'000}) {
    for (const auto late : {0us, 200us, 900us}) {
      const auto sent = static_cast<double>(sent_in_a_second(rate, late));
      CHECK(sent <= 1.05 * static_cast<double>(rate));
      CHECK(sent >= 0.95 * static_cast<double>(rate));
    }
  }
}

TEST_CASE("a long idle time is not made up for") {
  UdxPacer pacer;
  pacer.on_sent(at(0s), 1'000'000, 2000);
  std::size_t sent = 0;
  while (const auto allowed = pacer.allowance(at(24h), 1'000'000, kPacket)) {
    pacer.on_sent(at(24h), 1'000'000, allowed);
    sent += allowed;
  }
  CHECK(sent <= 4000);
}

TEST_CASE("a debt that was made at a slow rate is paid at the new one") {
  UdxPacer pacer;
  pacer.on_sent(at(1s), 100, 2000);
  CHECK(pacer.next(100) > at(15s));
  CHECK(pacer.next(1'000'000) <= at(1s + 2ms));
  CHECK(pacer.allowance(at(1s + 2ms), 1'000'000, kPacket) > 0);
}

TEST_CASE("without a rate a largest burst may leave at any time") {
  UdxPacer pacer;
  pacer.on_sent(at(1s), std::nullopt, 1'000'000);
  CHECK(pacer.allowance(at(1s), std::nullopt, kPacket) == kMaxUdxBurst);
  CHECK(pacer.next(std::nullopt) == at(1s));
}
