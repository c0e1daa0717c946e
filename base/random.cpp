#include "base/random.hpp"

#include <bit>
#include <cstring>

#include "base/assert.hpp"

namespace cip {
inline namespace base {

std::uint64_t Random::next_u64() {
  std::uint64_t out;
  fill({reinterpret_cast<std::uint8_t*>(&out), sizeof out});
  return out;
}

std::uint64_t Random::below(std::uint64_t bound) {
  CIP_ASSERT(bound > 0);
  const std::uint64_t usable = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t draw = next_u64();
  while (draw >= usable) draw = next_u64();
  return draw % bound;
}

double Random::unit() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

SeededRandom::SeededRandom(std::uint64_t seed) {
  for (auto& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word = z ^ (z >> 31);
  }
}

std::uint64_t SeededRandom::step() {
  const std::uint64_t out = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return out;
}

void SeededRandom::fill(MutableByteView out) {
  while (!out.empty()) {
    const std::uint64_t word = step();
    const std::size_t n = out.size() < sizeof word ? out.size() : sizeof word;
    std::memcpy(out.data(), &word, n);
    out = out.subspan(n);
  }
}

}  // namespace base
}  // namespace cip
