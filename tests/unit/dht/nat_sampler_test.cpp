#include "dht/nat_sampler.hpp"

#include <doctest/doctest.h>

#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;

namespace {

const Endpoint kOwn{0x01010101, 10};
const Endpoint kLie{0x06060606, 66};

// Sources in as many different networks as wanted.
Endpoint source_in(std::uint32_t network, std::uint32_t host = 1) {
  return {0x20000000 + (network << 8) + host, 49737};
}

}  // namespace

TEST_CASE("beliefs follow the samples as in the stock sampler") {
  for (const auto& run : test::load_vectors("dht/nat-sampler.json", "runs")) {
    CAPTURE(run.at("what").get<std::string>());
    NatSampler sampler(NatSampler::Counting::every_sample);
    for (const auto& step : run.at("steps")) {
      const Endpoint seen{test::ip_of(step.at("add")[0]), step.at("add")[1].get<std::uint16_t>()};
      CHECK(sampler.add(seen, source_in(1)) == step.at("hits").get<unsigned>());
      CHECK(sampler.size() == step.at("size").get<unsigned>());
      std::optional<Endpoint> expected;
      if (!step.at("host").is_null()) expected = test::endpoint_of(step);
      CHECK(sampler.believed() == expected);
    }
  }
}

TEST_CASE("one network has one vote") {
  NatSampler sampler;
  for (std::uint32_t network = 1; network <= 4; ++network) sampler.add(kOwn, source_in(network));
  for (std::uint32_t host = 1; host <= 12; ++host) sampler.add(kLie, source_in(9, host));
  CHECK(sampler.size() == 5);
  CHECK(sampler.believed() == kOwn);
}

TEST_CASE("the latest word of a network replaces its former one") {
  NatSampler sampler;
  sampler.add(kLie, source_in(1));
  sampler.add(kOwn, source_in(2));
  CHECK_FALSE(sampler.believed());
  sampler.add(kOwn, source_in(1, 7));
  CHECK(sampler.size() == 2);
  CHECK(sampler.believed() == kOwn);
}

TEST_CASE("sources on the local network all have a vote") {
  NatSampler sampler;
  const Endpoint neighbour{0xc0a80102, 1};
  for (int i = 0; i < 3; ++i) sampler.add(kOwn, neighbour);
  CHECK(sampler.size() == 3);
}

TEST_CASE("a sampler that was reset believes nothing") {
  NatSampler sampler;
  sampler.add(kOwn, source_in(1));
  sampler.reset();
  CHECK_FALSE(sampler.believed());
  CHECK(sampler.size() == 0);
}

TEST_CASE("changing addresses for long keeps the count right") {
  NatSampler sampler(NatSampler::Counting::every_sample);
  for (std::uint16_t i = 0; i < 1000; ++i) {
    sampler.add({0x01010101 + i % 7u, static_cast<std::uint16_t>(i % 3)}, source_in(i));
  }
  CHECK_FALSE(sampler.believed());
  for (int i = 0; i < 16; ++i) sampler.add(kOwn, source_in(1));
  CHECK(sampler.add(kOwn, source_in(1)) == 16);
  CHECK(sampler.believed() == kOwn);
}
