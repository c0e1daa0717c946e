#pragma once

// Reader and Writer for the compact encodings that all outside formats are made of.
//
//   uint      n <= 252: one byte; <= 0xffff: fd + u16; <= 0xffffffff: fe + u32; else ff + u64
//   buffer    uint length, bytes             array   uint count, elements
//   fixed32   the bytes alone                addr4   4 bytes of IPv4 in network order, u16 port
//
// All integers are little endian. Peer implementation: npm compact-encoding. A Reader never reads
// past its input and never allocates more than the input could fill. Its first failure sticks:
// later reads return zero values, so a decoder may read everything and check ok() once.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"

namespace cip {
inline namespace base {

// Largest element count that peers accept in an array.
inline constexpr std::uint64_t kMaxArrayCount = 0x100000;
// The largest that a uint writes in one byte.
inline constexpr std::uint8_t kMaxShortUint = 0xfc;
// Peers written in JavaScript refuse numbers above this.
inline constexpr std::uint64_t kMaxSafeUint = (std::uint64_t{1} << 53) - 1;

class Reader {
 public:
  explicit Reader(ByteView input) : rest_(input) {}

  bool ok() const { return ok_; }
  std::size_t remaining() const { return rest_.size(); }
  ByteView rest() const { return rest_; }

  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u24();
  std::uint32_t u32();
  std::uint64_t u64();
  // Fails above 2^53 - 1, as stock decoders do.
  std::uint64_t uint() {
    if (rest_.empty() || rest_.front() > kMaxShortUint) return long_uint();
    const auto value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  bool boolean() { return u8() != 0; }
  std::int64_t zigzag();  // fails outside +-2^53
  Endpoint addr4();

  ByteView take(std::uint64_t n);  // exactly n bytes, a view into the input
  template <std::size_t N>
  FixedBytes<N> fixed() {
    const auto view = take(N);
    return view.size() == N ? first_bytes<N>(view) : FixedBytes<N>{};
  }
  Bytes32 fixed32() { return fixed<32>(); }
  Bytes64 fixed64() { return fixed<64>(); }

  // A buffer as a view into the input; fails when longer than `max`.
  ByteView buffer(std::size_t max = SIZE_MAX);
  std::string string(std::size_t max = SIZE_MAX) { return std::string(text_of(buffer(max))); }
  // An element count. Fails above `max` and when `min_element_size` bytes for each cannot be left,
  // so that a caller may reserve that many.
  std::size_t count(std::size_t min_element_size, std::uint64_t max = kMaxArrayCount);

  void fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  template <typename T>
  T little_endian(std::size_t n);
  std::uint64_t long_uint();

  ByteView rest_;
  bool ok_ = true;
};

// Appends to a buffer that it owns; take() hands it over.
class Writer {
 public:
  Writer() = default;
  explicit Writer(std::size_t reserve) { out_.reserve(reserve); }
  // Writes into a buffer that was used before: what it holds is lost, its memory is not.
  Writer(Bytes&& used, std::size_t reserve) : out_(std::move(used)) {
    out_.clear();
    out_.reserve(reserve);
  }

  void u8(std::uint8_t value) { out_.push_back(value); }
  void u16(std::uint16_t value) { little_endian(value, 2); }
  void u24(std::uint32_t value) { little_endian(value, 3); }
  void u32(std::uint32_t value) { little_endian(value, 4); }
  void u64(std::uint64_t value) { little_endian(value, 8); }
  // Always the shortest form.
  void uint(std::uint64_t value) {
    if (value <= kMaxShortUint) return u8(static_cast<std::uint8_t>(value));
    long_uint(value);
  }
  void boolean(bool value) { u8(value ? 1 : 0); }
  void zigzag(std::int64_t value);
  void addr4(Endpoint value) { addr4s({&value, 1}); }
  void addr4s(std::span<const Endpoint> values);  // one after the other, without their count
  void raw(ByteView bytes) { append(out_, bytes); }
  void buffer(ByteView bytes) {
    uint(bytes.size());
    raw(bytes);
  }
  void string(std::string_view text) { buffer(bytes_of(text)); }

  std::size_t size() const { return out_.size(); }
  ByteView view() const { return out_; }
  Bytes take() { return std::move(out_); }

 private:
  void long_uint(std::uint64_t value);
  void little_endian(std::uint64_t value, std::size_t n) {
    FixedBytes<8> bytes;
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    raw(ByteView(bytes).first(n));
  }

  Bytes out_;
};

// Bytes that Writer::uint writes for `value`.
std::size_t uint_size(std::uint64_t value);

}  // namespace base
}  // namespace cip
