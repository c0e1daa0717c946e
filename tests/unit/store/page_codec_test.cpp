#include "store/page_codec.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"

namespace cip::store {

namespace {

PageBits bits_below(std::size_t n) {
  PageBits bits{};
  for (std::size_t i = 0; i < n; ++i)
    bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 1 << i % 8);
  return bits;
}

void check_round_trip(const PageBits& bits) {
  PageBits back;
  back.fill(0xaa);
  REQUIRE(decode_page(encode_page(bits), back));
  CHECK(back == bits);
}

}  // namespace

TEST_CASE("pages of every fill come back and take a few bytes") {
  for (std::size_t n = 0; n <= kBitsPerPage; n += n < 200 ? 1 : 61) {
    const auto bits = bits_below(n);
    check_round_trip(bits);
    CHECK(encode_page(bits).size() <= 5);
  }
  check_round_trip(bits_below(kBitsPerPage));
}

TEST_CASE("pages of random bits of any density come back and never grow by more than a byte") {
  SeededRandom random(5);
  for (const std::uint64_t one_in : {2, 3, 10, 50, 300, 2000}) {
    for (int round = 0; round < 50; ++round) {
      PageBits bits{};
      for (std::size_t i = 0; i < kBitsPerPage; ++i) {
        if (random.below(one_in) == 0)
          bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 1 << i % 8);
      }
      check_round_trip(bits);
      CHECK(encode_page(bits).size() <= kPageBytes + 1);
    }
  }
}

TEST_CASE("the bytes of a page are frozen") {
  PageBits bits{};
  bits[0] = 0xf0;
  bits[1] = 0x03;
  CHECK(encode_page(bits) == Bytes{1, 4, 6});
  CHECK(encode_page(PageBits{}) == Bytes{1});
  CHECK(encode_page(bits_below(kBitsPerPage)) == Bytes{1, 0, 0xfd, 0x00, 0x10});
}

TEST_CASE("bytes that are no page are refused") {
  PageBits bits;
  CHECK_FALSE(decode_page({}, bits));
  CHECK_FALSE(decode_page(Bytes{2}, bits));
  CHECK_FALSE(decode_page(Bytes{0, 1, 2}, bits));
  CHECK_FALSE(decode_page(Bytes(kPageBytes + 2, 0), bits));
  CHECK_FALSE(decode_page(Bytes{1, 0}, bits));
  CHECK_FALSE(decode_page(Bytes{1, 0, 0xfd, 0x01, 0x10}, bits));
  CHECK_FALSE(decode_page(Bytes{1, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1}, bits));
}

}  // namespace cip::store
