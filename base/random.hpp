#pragma once

// Randomness as an argument. Below `node` nothing draws entropy by itself: it is handed a Random&.
// Distributions are ours, since those of std:: differ between libraries and runs must replay.

#include <cstdint>

#include "base/bytes.hpp"

namespace cip {
inline namespace base {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableByteView out) = 0;

  std::uint64_t next_u64();
  std::uint16_t next_u16() { return static_cast<std::uint16_t>(next_u64() >> 48); }
  // Uniform in [0, bound); bound > 0. Unbiased.
  std::uint64_t below(std::uint64_t bound);
  // The same for the place of one of `count`.
  std::size_t pick(std::size_t count) { return static_cast<std::size_t>(below(count)); }
  // Uniform in [0, 1).
  double unit();

  template <std::size_t N>
  FixedBytes<N> bytes() {
    FixedBytes<N> out;
    fill(out);
    return out;
  }
};

// A reproducible stream from a seed (xoshiro256**, seeded by splitmix64; Blackman and Vigna). For
// simulations and tests; never for keys of a real node.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(MutableByteView out) override;

 private:
  std::uint64_t step();
  std::uint64_t state_[4];
};

}  // namespace base
}  // namespace cip
