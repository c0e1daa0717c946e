#include <doctest/doctest.h>

#include "simulations/udx_network.hpp"

using namespace cip;
using namespace cip::simulations;
using namespace std::chrono_literals;

TEST_CASE(
    "on a path slower than the first timer one packet is repeated, not the flight behind it") {
  UdxNetwork network(1, {.latency = 120ms, .rate = 2'000'000});
  network.connect();
  network.transfer(0, 300'000);
  network.run(1500ms);
  const auto& sender = network.ends[0];
  CHECK(network.ends[1].read == 300'000);
  const auto status = sender.streams.status(sender.id);
  REQUIRE(status);
  CHECK(status->retransmits == 1);
}
