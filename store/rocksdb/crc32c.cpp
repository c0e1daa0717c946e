#include "store/rocksdb/crc32c.hpp"

#include <cstddef>
#include <cstdint>

// RocksDB's (util/crc32c.h): the CRC-32C of A and `data`, where `crc` is that of A.
namespace rocksdb::crc32c {
std::uint32_t Extend(std::uint32_t crc, const char* data, std::size_t size);
}

#if defined(__x86_64__)
#include <dlfcn.h>
#include <nmmintrin.h>

#include <cstring>

namespace {

using Extend = std::uint32_t (*)(std::uint32_t, const char*, std::size_t);

__attribute__((target("sse4.2"))) std::uint32_t extend_fast(std::uint32_t crc, const char* data,
                                                            std::size_t size) {
  std::uint64_t state = crc ^ 0xffffffffU;
  for (; size >= 8; data += 8, size -= 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    state = _mm_crc32_u64(state, word);
  }
  auto rest = static_cast<std::uint32_t>(state);
  for (; size > 0; ++data, --size) rest = _mm_crc32_u8(rest, static_cast<unsigned char>(*data));
  return rest ^ 0xffffffffU;
}

Extend choose() {
  if (__builtin_cpu_supports("sse4.2")) return &extend_fast;
  return reinterpret_cast<Extend>(dlsym(RTLD_NEXT, "_ZN7rocksdb6crc32c6ExtendEjPKcm"));
}

}  // namespace

namespace rocksdb::crc32c {
std::uint32_t Extend(std::uint32_t crc, const char* data, std::size_t size) {
  static const auto chosen = choose();
  return chosen(crc, data, size);
}
}  // namespace rocksdb::crc32c

namespace cip::store {
bool has_fast_checksums() { return choose() == &extend_fast; }
}  // namespace cip::store

#else

namespace cip::store {
bool has_fast_checksums() { return false; }
}  // namespace cip::store

#endif

namespace cip::store {
std::uint32_t crc32c(ByteView bytes) {
  return rocksdb::crc32c::Extend(0, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}
}  // namespace cip::store
