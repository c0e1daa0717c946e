// What a stream repeats, and why, on paths that lose much (udx.md 5.3, 6.3 and 9).

#include <doctest/doctest.h>

#include <map>

#include "simulations/udx_network.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace cip::simulations;
using namespace std::chrono_literals;

namespace {

const UdxPathModel kClean = {.latency = 25ms, .rate = 20'000'000, .queue = 1'000'000};

// A transfer from side 0 to side 1, and how often each number reached the other end.
struct Transfer {
  Transfer(std::uint64_t seed, const UdxPathModel& path, std::uint64_t bytes = 6'000'000)
      : network(seed, path) {
    network.arrival = [this](int to, const UdxPacket& packet) {
      if (to == 1 && packet.is(kUdxData) && ++arrived[packet.header.seq] > 1) ++needless;
    };
    network.connect();
    network.transfer(0, bytes);
    network.transfer(1, 10);
    network.run_until_closed(60s);
  }
  double share(std::uint64_t packets) const {
    return static_cast<double>(packets) / static_cast<double>(arrived.size());
  }
  std::uint64_t repeats() const { return network.ends[0].streams.counters().retransmits; }

  UdxNetwork network;
  std::map<UdxSeq, unsigned> arrived;
  std::uint64_t needless = 0;  // packets that came again
};

}  // namespace

TEST_CASE("hardly a packet that arrived is sent again, however many gaps a SACK cannot name") {
  for (const double loss : {0.02, 0.1}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      CAPTURE(loss);
      CAPTURE(seed);
      const Transfer transfer(seed, {.latency = 25ms, .loss = loss});
      REQUIRE(transfer.network.both_closed());
      CHECK(transfer.network.ends[1].correct);
      CHECK(transfer.share(transfer.needless) <= 0.005);
      CHECK(transfer.share(transfer.repeats()) <= loss / (1 - loss) + 0.015);
    }
  }
}

TEST_CASE("a clean path with a queue of one bdp repeats less than 1 %") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    const Transfer transfer(seed, kClean);
    REQUIRE(transfer.network.both_closed());
    CHECK(transfer.needless == 0);
  }
  const Transfer longer(1, kClean, 20'000'000);
  CHECK(longer.share(longer.repeats()) <= 0.01);
}

TEST_CASE(
    "a startup that overruns a shallow queue in a thousand places costs only what was dropped") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    Transfer transfer(seed, {.latency = 25ms, .rate = 20'000'000, .queue = 200'000}, 20'000'000);
    REQUIRE(transfer.network.both_closed());
    CHECK(transfer.needless == 0);
    CHECK(transfer.share(transfer.repeats()) <= 0.1);
  }
}

TEST_CASE("a sender keeps to a window whose first packet is missing") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    const Transfer transfer(seed, {.latency = 25ms, .loss = 0.1});
    CHECK(transfer.network.ends[1].streams.counters().dropped_window == 0);
  }
}
