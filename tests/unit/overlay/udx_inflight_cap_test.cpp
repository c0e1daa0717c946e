#include "overlay/transport/udx/inflight_cap.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPacket = 1000;
constexpr std::size_t kBdp = 100 * kPacket;
using Round = UdxInflightCap::Round;

struct Rounds {
  UdxInflightCap cap;
  SeededRandom random{1};
  TimePoint now{};

  // A round of 100 packets of which some were lost, at this flight.
  void end(Round kind, std::size_t lost_packets, std::size_t flight) {
    cap.on_flight(flight);
    cap.on_delivered((100 - lost_packets) * kPacket);
    cap.on_lost(lost_packets * kPacket);
    now += 50ms;
    cap.end_round(now, kind, kPacket, kBdp, random);
  }
  void quiet(int rounds, std::size_t lost_packets = 0) {
    for (int i = 0; i < rounds; ++i) end(Round::below, lost_packets, kBdp / 2);
  }
};

}  // namespace

TEST_CASE("a round that overruns the path caps the flight at 0.7 of what it was") {
  Rounds rounds;
  rounds.quiet(10);
  rounds.end(Round::full, 10, 2 * kBdp);
  CHECK(rounds.cap.bytes() == kBdp * 2 * 70 / 100);
}

TEST_CASE("a round that lost more than 30 % caps the flight at what arrived") {
  Rounds rounds;
  rounds.quiet(10);
  rounds.end(Round::full, 40, 2 * kBdp);
  CHECK(rounds.cap.bytes() == kBdp * 2 * 60 / 100);
}

TEST_CASE("the cap leaves 0.85 of the bdp, whatever was lost") {
  Rounds rounds;
  rounds.quiet(10);
  rounds.end(Round::full, 90, kBdp + kPacket);
  CHECK(rounds.cap.bytes() == kBdp * 85 / 100);
}

TEST_CASE("the largest flight of the round before counts: its losses come in this one") {
  Rounds rounds;
  rounds.quiet(10);
  rounds.end(Round::full, 0, 2 * kBdp);
  rounds.end(Round::full, 10, kBdp / 2);
  CHECK(rounds.cap.bytes() == kBdp * 2 * 70 / 100);
}

TEST_CASE("losses below 2 %, two packets, and those of other rounds cap nothing") {
  Rounds rounds;
  rounds.quiet(10);
  rounds.end(Round::full, 2, 2 * kBdp);
  rounds.end(Round::unknown, 50, 2 * kBdp);
  rounds.end(Round::below, 50, 2 * kBdp);
  CHECK_FALSE(rounds.cap.bytes());
}

TEST_CASE("what the path loses anyhow caps nothing, more than that does") {
  Rounds rounds;
  rounds.quiet(10, 10);
  rounds.end(Round::full, 14, 2 * kBdp);
  CHECK_FALSE(rounds.cap.bytes());
  rounds.end(Round::full, 30, 2 * kBdp);
  CHECK(rounds.cap.bytes());
}

TEST_CASE("a flight that the path holds without a queue does not overrun it: its loss is noise") {
  Rounds rounds;
  rounds.quiet(10);
  for (int i = 0; i < 10; ++i) rounds.end(Round::full, 10, kBdp);
  CHECK_FALSE(rounds.cap.bytes());
  rounds.end(Round::full, 12, 2 * kBdp);
  CHECK_FALSE(rounds.cap.bytes());
}

TEST_CASE("nothing is held against a path of which nothing is known") {
  Rounds rounds;
  rounds.end(Round::full, 40, 2 * kBdp);
  CHECK_FALSE(rounds.cap.bytes());
}

TEST_CASE("a cap stands for 2 to 3 s, then grows by 1, 2, 4 packets, then is forgotten") {
  Rounds rounds;
  rounds.quiet(10);
  rounds.end(Round::full, 10, 2 * kBdp);
  const auto set = *rounds.cap.bytes();
  const auto at = rounds.now;
  while (rounds.cap.bytes() == set) rounds.quiet(1);
  CHECK(rounds.now - at >= 2s);
  CHECK(rounds.now - at <= 3s + 50ms);
  CHECK(rounds.cap.bytes() == set + kPacket);
  rounds.quiet(1);
  CHECK(rounds.cap.bytes() == set + 3 * kPacket);
  rounds.quiet(10);
  CHECK_FALSE(rounds.cap.bytes());
}

TEST_CASE("rounds with loss loosen no cap") {
  Rounds rounds;
  rounds.quiet(10);
  rounds.end(Round::full, 10, 2 * kBdp);
  const auto set = rounds.cap.bytes();
  for (int i = 0; i < 100; ++i) rounds.end(Round::unknown, 20, kBdp);
  CHECK(rounds.cap.bytes() == set);
}
