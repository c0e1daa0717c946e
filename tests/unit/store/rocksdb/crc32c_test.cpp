#include "store/rocksdb/crc32c.hpp"

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rocksdb::crc32c {
std::uint32_t Extend(std::uint32_t crc, const char* data, std::size_t size);
}

using Extend = std::uint32_t (*)(std::uint32_t, const char*, std::size_t);

TEST_CASE("checksums are CRC-32C, whole or in parts") {
  using rocksdb::crc32c::Extend;
  // RFC 3720, B.4.
  CHECK(Extend(0, std::string(32, '\0').data(), 32) == 0x8a9136aa);
  CHECK(Extend(0, std::string(32, '\xff').data(), 32) == 0x62a8ab43);
  const std::string digits = "123456789";
  CHECK(Extend(0, digits.data(), digits.size()) == 0xe3069283);
  for (std::size_t cut = 0; cut <= digits.size(); ++cut) {
    const auto first = Extend(0, digits.data(), cut);
    CHECK(Extend(first, digits.data() + cut, digits.size() - cut) == 0xe3069283);
  }
}

TEST_CASE("the library computes the same, and calls this implementation") {
  const auto found = dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c6ExtendEjPKcm");
  CHECK((found == reinterpret_cast<void*>(&rocksdb::crc32c::Extend)));
  const auto theirs = reinterpret_cast<Extend>(dlsym(RTLD_NEXT, "_ZN7rocksdb6crc32c6ExtendEjPKcm"));
  REQUIRE((theirs != nullptr));
  std::string data;
  for (int i = 0; i < 200; ++i) {
    data.push_back(static_cast<char>(i * 7));
    CHECK(theirs(42, data.data(), data.size()) ==
          rocksdb::crc32c::Extend(42, data.data(), data.size()));
  }
}
