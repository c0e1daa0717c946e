#include "base/hash_stream.hpp"

#include <doctest/doctest.h>

#include "base/crypto.hpp"

using namespace cip;

TEST_CASE("a hash of pieces is that of the whole") {
  Bytes whole;
  HashStream stream;
  for (std::size_t size = 0; size < 300; size += 7) {
    const Bytes piece(size, static_cast<std::uint8_t>(size));
    stream.update(piece);
    append(whole, piece);
  }
  CHECK(stream.finish() == hash(whole));
  CHECK(HashStream().finish() == hash(ByteView()));
}
