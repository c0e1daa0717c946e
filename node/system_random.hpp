#pragma once

// Randomness of a real node: the kernel's, through libsodium.

#include "base/random.hpp"

namespace cip::node {

class SystemRandom final : public Random {
 public:
  void fill(MutableByteView out) override;
};

}  // namespace cip::node
