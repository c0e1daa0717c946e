#include "base/hash_lanes.hpp"

#include "base/assert.hpp"
#include "base/crypto.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#define CIP_AVX2 __attribute__((target("avx2")))
#define CIP_AVX2_INLINE __attribute__((target("avx2"), always_inline)) inline

namespace cip {
inline namespace base {
namespace {

constexpr std::size_t kLanes = 4;
constexpr std::size_t kBlock = 128;
constexpr std::size_t kRounds = 12;

constexpr std::array<std::uint64_t, 8> kIv = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
// Digest of 32 bytes, no key, fan-out and depth 1 (RFC 7693, 2.5).
constexpr std::uint64_t kParameters = 0x01010020;

constexpr std::uint8_t kSigma[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                         {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                         {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                         {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                         {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                         {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                         {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                         {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                         {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                         {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

// Word i of all lanes stands together: h[i][lane].
struct alignas(32) Lanes {
  std::uint64_t h[8][kLanes];
  std::uint64_t counter[kLanes];  // bytes hashed, those of the next block included
  std::uint64_t last[kLanes];     // all ones: the next block is the last
};

using Vector = __m256i;

CIP_AVX2_INLINE Vector rotate32(Vector x) { return _mm256_shuffle_epi32(x, 0xb1); }
CIP_AVX2_INLINE Vector rotate24(Vector x) {
  return _mm256_shuffle_epi8(
      x, _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4, 5, 6, 7, 0, 1,
                          2, 11, 12, 13, 14, 15, 8, 9, 10));
}
CIP_AVX2_INLINE Vector rotate16(Vector x) {
  return _mm256_shuffle_epi8(
      x, _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3, 4, 5, 6, 7, 0,
                          1, 10, 11, 12, 13, 14, 15, 8, 9));
}
CIP_AVX2_INLINE Vector rotate63(Vector x) {
  return _mm256_or_si256(_mm256_srli_epi64(x, 63), _mm256_add_epi64(x, x));
}

CIP_AVX2_INLINE void mix(Vector& a, Vector& b, Vector& c, Vector& d, Vector x, Vector y) {
  a = _mm256_add_epi64(_mm256_add_epi64(a, b), x);
  d = rotate32(_mm256_xor_si256(d, a));
  c = _mm256_add_epi64(c, d);
  b = rotate24(_mm256_xor_si256(b, c));
  a = _mm256_add_epi64(_mm256_add_epi64(a, b), y);
  d = rotate16(_mm256_xor_si256(d, a));
  c = _mm256_add_epi64(c, d);
  b = rotate63(_mm256_xor_si256(b, c));
}

template <std::size_t Round>
CIP_AVX2_INLINE void round_of(Vector* v, const Vector* m) {
  constexpr const auto& s = kSigma[Round % 10];
  mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
  mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
  mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
  mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
  mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
  mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
  mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
  mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
}

template <std::size_t... Rounds>
CIP_AVX2_INLINE void all_rounds(Vector* v, const Vector* m, std::index_sequence<Rounds...>) {
  (round_of<Rounds>(v, m), ...);
}

CIP_AVX2_INLINE Vector load(const void* from) {
  return _mm256_loadu_si256(static_cast<const Vector*>(from));
}

// Four words of each lane's block, turned so that each vector has one word of all lanes.
CIP_AVX2_INLINE void load_words(Vector* m, const std::uint8_t* const* block, std::size_t offset) {
  const auto a = load(block[0] + offset), b = load(block[1] + offset);
  const auto c = load(block[2] + offset), d = load(block[3] + offset);
  const auto ab_low = _mm256_unpacklo_epi64(a, b), ab_high = _mm256_unpackhi_epi64(a, b);
  const auto cd_low = _mm256_unpacklo_epi64(c, d), cd_high = _mm256_unpackhi_epi64(c, d);
  m[0] = _mm256_permute2x128_si256(ab_low, cd_low, 0x20);
  m[1] = _mm256_permute2x128_si256(ab_high, cd_high, 0x20);
  m[2] = _mm256_permute2x128_si256(ab_low, cd_low, 0x31);
  m[3] = _mm256_permute2x128_si256(ab_high, cd_high, 0x31);
}

// The compression of one block in each lane (RFC 7693, 3.2).
CIP_AVX2 void compress(Lanes& lanes, const std::uint8_t* const* block) {
  Vector m[16];
  for (std::size_t i = 0; i < 4; ++i) load_words(m + 4 * i, block, 32 * i);
  Vector v[16];
  for (std::size_t i = 0; i < 8; ++i) {
    v[i] = load(lanes.h[i]);
    v[8 + i] = _mm256_set1_epi64x(static_cast<long long>(kIv[i]));
  }
  v[12] = _mm256_xor_si256(v[12], load(lanes.counter));
  v[14] = _mm256_xor_si256(v[14], load(lanes.last));
  all_rounds(v, m, std::make_index_sequence<kRounds>());
  for (std::size_t i = 0; i < 8; ++i) {
    const auto mixed = _mm256_xor_si256(load(lanes.h[i]), _mm256_xor_si256(v[i], v[8 + i]));
    _mm256_store_si256(reinterpret_cast<Vector*>(lanes.h[i]), mixed);
  }
}

// The input of one lane, block by block.
class Feeder {
 public:
  void begin(const HashInput& input, Bytes32* out) {
    CIP_ASSERT(input.head.size() <= kBlock);
    input_ = input;
    out_ = out;
    left_ = input.head.size() + input.body.size();
    at_ = 0;
  }
  bool is_busy() const { return out_ != nullptr; }
  Bytes32* end() { return std::exchange(out_, nullptr); }
  bool is_at_end() const { return left_ == 0; }

  // The next block, in place where it lies in one piece; `counter` grows by its bytes.
  const std::uint8_t* next(std::uint64_t& counter) {
    const auto size = std::min(left_, kBlock);
    counter += size;
    left_ -= size;
    if (at_ == 0 && !input_.head.empty()) return first(size);
    const auto* from = input_.body.data() + at_;
    at_ += size;
    if (size == kBlock) return from;
    buffer_.fill(0);
    if (size > 0) std::memcpy(buffer_.data(), from, size);
    return buffer_.data();
  }

 private:
  const std::uint8_t* first(std::size_t size) {
    buffer_.fill(0);
    std::memcpy(buffer_.data(), input_.head.data(), input_.head.size());
    at_ = size - input_.head.size();
    if (at_ > 0) std::memcpy(buffer_.data() + input_.head.size(), input_.body.data(), at_);
    input_.head = {};
    return buffer_.data();
  }

  HashInput input_;
  Bytes32* out_ = nullptr;
  std::size_t left_ = 0;
  std::size_t at_ = 0;  // in the body
  std::array<std::uint8_t, kBlock> buffer_{};
};

void reset(Lanes& lanes, std::size_t lane) {
  for (std::size_t i = 0; i < 8; ++i) lanes.h[i][lane] = kIv[i];
  lanes.h[0][lane] ^= kParameters;
  lanes.counter[lane] = 0;
  lanes.last[lane] = 0;
}

void finish(const Lanes& lanes, std::size_t lane, Bytes32& out) {
  for (std::size_t i = 0; i < 4; ++i) std::memcpy(out.data() + 8 * i, &lanes.h[i][lane], 8);
}

void hash_in_lanes(std::span<const HashInput> inputs, std::span<Bytes32> out) {
  static constexpr std::uint8_t kNothing[kBlock] = {};
  Lanes lanes;
  std::array<Feeder, kLanes> feeders;
  std::size_t next = 0;
  while (true) {
    const std::uint8_t* block[kLanes] = {kNothing, kNothing, kNothing, kNothing};
    std::size_t busy = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      auto& feeder = feeders[lane];
      if (!feeder.is_busy()) {
        reset(lanes, lane);
        if (next == inputs.size()) continue;
        feeder.begin(inputs[next], &out[next]);
        ++next;
      }
      block[lane] = feeder.next(lanes.counter[lane]);
      lanes.last[lane] = feeder.is_at_end() ? ~std::uint64_t{0} : 0;
      ++busy;
    }
    if (busy == 0) return;
    compress(lanes, block);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (feeders[lane].is_busy() && feeders[lane].is_at_end())
        finish(lanes, lane, *feeders[lane].end());
    }
  }
}

}  // namespace

bool has_hash_lanes() { return __builtin_cpu_supports("avx2"); }

}  // namespace base
}  // namespace cip

#else

namespace cip {
inline namespace base {
namespace {
void hash_in_lanes(std::span<const HashInput>, std::span<Bytes32>) {}
}  // namespace
bool has_hash_lanes() { return false; }
}  // namespace base
}  // namespace cip

#endif

namespace cip {
inline namespace base {

void hash_each(std::span<const HashInput> inputs, std::span<Bytes32> out) {
  CIP_ASSERT(inputs.size() == out.size());
  static const bool lanes = has_hash_lanes();
  if (lanes && inputs.size() > 1) return hash_in_lanes(inputs, out);
  for (std::size_t i = 0; i < inputs.size(); ++i) out[i] = hash({inputs[i].head, inputs[i].body});
}

}  // namespace base
}  // namespace cip
