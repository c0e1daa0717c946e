#pragma once

// An attack is a function that says whether it came off. It must come off without its
// counter-measure, or it shows nothing, and must not with it.

#include <doctest/doctest.h>

#include "tests/unit/dht/test_network.hpp"

namespace cip::test {

inline dht::Defences without(bool dht::Defences::*measure) {
  dht::Defences defences;
  defences.*measure = false;
  return defences;
}

template <typename Attack>
void check_both_ways(bool dht::Defences::*measure, Attack attack) {
  CHECK_MESSAGE(attack(without(measure)), "the attack works without its counter-measure");
  CHECK_FALSE_MESSAGE(attack(dht::Defences{}), "the counter-measure stops the attack");
}

inline dht::NodeOptions with(dht::Defences defences) {
  dht::NodeOptions options;
  options.defences = defences;
  return options;
}

// A member of the public network that its user vouches for.
inline std::size_t add_public(TestNetwork& net, Endpoint at, dht::Defences defences = {}) {
  auto options = with(defences);
  options.private_overlay = false;
  options.mode = dht::NodeOptions::Mode::persistent;
  if (net.size() > 0) options.bootstrap = {net.host(0).server};
  return net.add(at, options);
}

}  // namespace cip::test
