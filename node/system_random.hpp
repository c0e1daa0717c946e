#pragma once

// Randomness of a real node: the kernel's, through libsodium. Small draws (tids, jitter) come from
// a page that is fetched at once, and what was handed out is wiped from it. Not thread-safe.

#include <array>

#include "base/random.hpp"

namespace cip::node {

class SystemRandom final : public Random {
 public:
  ~SystemRandom() override;
  void fill(MutableByteView out) override;

 private:
  static constexpr std::size_t kLargest = 64;  // above it a draw goes to the kernel itself

  std::array<std::uint8_t, 4096> page_{};
  std::size_t used_ = sizeof page_;
};

}  // namespace cip::node
