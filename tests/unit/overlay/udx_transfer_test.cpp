// Two machines against each other over a path that is drawn from a seed: every byte arrives once
// and in order, nothing stalls for long, both ends close clean.
//
// UDX_SEEDS=20000 runs more of them; UDX_SEED=17 one.

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "simulations/udx_network.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;
using simulations::UdxNetwork;
using simulations::UdxPathModel;

namespace {

std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Every fourth path is clean; the others mix what paths do.
UdxPathModel draw_path(Random& random) {
  UdxPathModel path;
  const Duration latencies[] = {50us, 1ms, 25ms, 100ms};
  path.latency = latencies[random.below(4)];
  if (random.below(4) == 0) return path;
  const double losses[] = {0, 0.01, 0.02, 0.1};
  path.loss = losses[random.below(4)];
  path.reorder = random.below(2) == 0 ? 0 : 0.05;
  path.late = path.latency / 2 + 200us;
  path.duplicate = random.below(3) == 0 ? 0.05 : 0;
  if (random.below(3) == 0) {
    path.rate = 200'000 << random.below(6);
    path.queue = 20'000 << random.below(4);
  }
  const std::size_t mtus[] = {1500, 1492, 1280, 1200};
  path.mtu = mtus[random.below(4)];
  return path;
}

void transfer(std::uint64_t seed) {
  CAPTURE(seed);
  SeededRandom random(seed);
  const auto path = draw_path(random);
  CAPTURE(path.loss);
  CAPTURE(path.latency.count());
  CAPTURE(path.rate);
  CAPTURE(path.mtu);
  CAPTURE(path.queue);
  UdxNetwork net(seed, path);
  net.connect();
  net.transfer(0, random.below(3) == 0 ? random.below(400'000) : random.below(60'000));
  net.transfer(1, random.below(2) == 0 ? random.below(100'000) : random.below(3000));
  net.run_until_closed(300s);
  for (const auto& end : net.ends) {
    REQUIRE(end.correct);
    REQUIRE(end.closed.has_value());
    REQUIRE(end.saw_end);
    REQUIRE(end.closed->message() == std::error_code().message());
  }
  REQUIRE(net.sendable);
  // Two timeouts at most, where the path is not what holds it up.
  if (path.rate == 0 && path.loss <= 0.02) {
    const Duration timeout = 400ms + 6 * path.latency;  // of a first packet that is lost again
    for (const auto& end : net.ends) REQUIRE(end.longest_silence <= 2 * timeout);
  }
  REQUIRE(net.ends[0].read == net.ends[1].written);
  REQUIRE(net.ends[1].read == net.ends[0].written);
}

}  // namespace

TEST_CASE("whatever the path does, every byte arrives once and in order, and both ends close") {
  if (const auto one = number_of("UDX_SEED", 0); one != 0) return transfer(one);
  const auto seeds = number_of("UDX_SEEDS", 1000);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) transfer(seed);
}

TEST_CASE("a clean path repeats nothing") {
  UdxNetwork net(1);
  net.connect();
  net.transfer(0, 2'000'000);
  net.transfer(1, 10);
  net.run_until_closed(60s);
  REQUIRE(net.both_closed());
  CHECK(net.ends[1].read == 2'000'000);
  CHECK(net.ends[0].streams.counters().retransmits == 0);
  CHECK(net.ends[1].streams.counters().retransmits == 0);
}
