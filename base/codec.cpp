#include "base/codec.hpp"

namespace cip {
inline namespace base {

ByteView Reader::take(std::uint64_t n) {
  if (n > rest_.size()) {
    fail();
    return {};
  }
  const auto size = static_cast<std::size_t>(n);
  const auto out = rest_.first(size);
  rest_ = rest_.subspan(size);
  return out;
}

template <typename T>
T Reader::little_endian(std::size_t n) {
  std::uint64_t value = 0;
  const auto bytes = take(n);
  for (std::size_t i = 0; i < bytes.size(); ++i) value |= std::uint64_t{bytes[i]} << (8 * i);
  return static_cast<T>(value);
}

std::uint8_t Reader::u8() { return little_endian<std::uint8_t>(1); }
std::uint16_t Reader::u16() { return little_endian<std::uint16_t>(2); }
std::uint32_t Reader::u24() { return little_endian<std::uint32_t>(3); }
std::uint32_t Reader::u32() { return little_endian<std::uint32_t>(4); }
std::uint64_t Reader::u64() { return little_endian<std::uint64_t>(8); }

std::uint64_t Reader::long_uint() {
  const std::uint8_t head = u8();
  if (head == 0xfd) return u16();
  if (head == 0xfe) return u32();
  const std::uint64_t value = u64();
  if (value > kMaxSafeUint) fail();
  return ok_ ? value : 0;
}

std::int64_t Reader::zigzag() {
  const std::uint64_t value = uint();
  const auto half = static_cast<std::int64_t>(value >> 1);
  return (value & 1) != 0 ? -half - 1 : half;
}

Endpoint Reader::addr4() {
  const auto ip = take(4);
  if (ip.size() != 4) return {};
  const std::uint32_t host = std::uint32_t{ip[0]} << 24 | std::uint32_t{ip[1]} << 16 |
                             std::uint32_t{ip[2]} << 8 | std::uint32_t{ip[3]};
  return {host, u16()};
}

ByteView Reader::buffer(std::size_t max) {
  const std::uint64_t length = uint();
  if (length > max) {
    fail();
    return {};
  }
  return take(length);
}

std::size_t Reader::count(std::size_t min_element_size, std::uint64_t max) {
  const std::uint64_t n = uint();
  const std::size_t size = min_element_size == 0 ? 1 : min_element_size;
  if (n > max || n > rest_.size() / size) {
    fail();
    return 0;
  }
  return static_cast<std::size_t>(n);
}

void Writer::long_uint(std::uint64_t value) {
  if (value <= 0xffff) {
    u8(0xfd);
    return little_endian(value, 2);
  }
  if (value <= 0xffffffff) {
    u8(0xfe);
    return little_endian(value, 4);
  }
  u8(0xff);
  little_endian(value, 8);
}

void Writer::zigzag(std::int64_t value) {
  uint(value < 0 ? (static_cast<std::uint64_t>(-(value + 1)) << 1 | 1)
                 : static_cast<std::uint64_t>(value) << 1);
}

void Writer::addr4s(std::span<const Endpoint> values) {
  constexpr std::size_t kSize = 6;
  const std::size_t begin = out_.size();
  out_.resize(begin + kSize * values.size());
  std::uint8_t* out = out_.data() + begin;
  for (const Endpoint value : values) {
    for (std::size_t i = 0; i < 4; ++i)
      out[i] = static_cast<std::uint8_t>(value.ip >> (24 - 8 * i));
    out[4] = static_cast<std::uint8_t>(value.port);
    out[5] = static_cast<std::uint8_t>(value.port >> 8);
    out += kSize;
  }
}

std::size_t uint_size(std::uint64_t value) {
  if (value <= 0xfc) return 1;
  if (value <= 0xffff) return 3;
  return value <= 0xffffffff ? 5 : 9;
}

}  // namespace base
}  // namespace cip
