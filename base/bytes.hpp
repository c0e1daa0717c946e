#pragma once

// Byte containers and views used by every floor.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace cip {
inline namespace base {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

template <std::size_t N>
using FixedBytes = std::array<std::uint8_t, N>;
using Bytes32 = FixedBytes<32>;
using Bytes64 = FixedBytes<64>;

// The bytes of a text, without its terminating zero.
inline ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
// The text that bytes spell; says nothing about their encoding.
inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }
inline void append(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }
inline bool equal(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}
// Copies the first N bytes of a view that holds at least N.
template <std::size_t N>
FixedBytes<N> first_bytes(ByteView view) {
  FixedBytes<N> out;
  std::memcpy(out.data(), view.data(), N);
  return out;
}

// Hasher for unordered containers keyed by hashes, keys or ids; these are uniform already.
struct Bytes32Hash {
  std::size_t operator()(const Bytes32& bytes) const {
    std::size_t out;
    std::memcpy(&out, bytes.data(), sizeof out);
    return out;
  }
};

}  // namespace base
}  // namespace cip
