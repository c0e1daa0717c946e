#include "store/page_codec.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/codec.hpp"

namespace cip::store {

namespace {

constexpr std::uint8_t kRaw = 0;
constexpr std::uint8_t kStretches = 1;

// Eight bytes from a multiple of eight on; bit j of the word is bit j of the page from there.
std::uint64_t word_at(const PageBits& bits, std::size_t byte) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t word;
  std::memcpy(&word, &bits[byte], sizeof word);
  return word;
}

// The first bit at or after `from` that equals `wanted`, or kBitsPerPage.
std::size_t find_bit(const PageBits& bits, std::size_t from, bool wanted) {
  while (from < kBitsPerPage) {
    const auto word = word_at(bits, from / 64 * 8);
    const auto rest = (wanted ? word : ~word) >> (from % 64);
    if (rest != 0) return from + static_cast<std::size_t>(std::countr_zero(rest));
    from = (from / 64 + 1) * 64;
  }
  return kBitsPerPage;
}

void set_bits(PageBits& bits, std::size_t from, std::size_t to) {
  while (from < to) {
    const auto n = std::min(to - from, 8 - from % 8);
    const auto ones = (1U << n) - 1;
    bits[from / 8] = static_cast<std::uint8_t>(bits[from / 8] | ones << (from % 8));
    from += n;
  }
}

}  // namespace

Bytes encode_page(const PageBits& bits) {
  Writer stretches;
  stretches.u8(kStretches);
  std::size_t at = 0;
  while (stretches.size() <= kPageBytes) {
    const auto begin = find_bit(bits, at, true);
    if (begin == kBitsPerPage) return stretches.take();
    const auto end = find_bit(bits, begin, false);
    stretches.uint(begin - at);
    stretches.uint(end - begin);
    at = end;
  }
  Writer raw(1 + kPageBytes);
  raw.u8(kRaw);
  raw.raw(bits);
  return raw.take();
}

bool decode_page(ByteView bytes, PageBits& bits) {
  Reader in(bytes);
  bits.fill(0);
  const auto kind = in.u8();
  if (kind == kRaw) {
    bits = in.fixed<kPageBytes>();
    return in.ok() && in.remaining() == 0;
  }
  if (kind != kStretches) return false;
  std::size_t at = 0;
  while (in.ok() && in.remaining() > 0) {
    const auto zeros = in.uint();
    const auto ones = in.uint();
    if (!in.ok() || zeros > kBitsPerPage - at || ones > kBitsPerPage - at - zeros) return false;
    const auto from = at + static_cast<std::size_t>(zeros);
    at = from + static_cast<std::size_t>(ones);
    set_bits(bits, from, at);
  }
  return in.ok();
}

}  // namespace cip::store
