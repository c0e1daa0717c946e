#include "base/archive.hpp"

#include <doctest/doctest.h>

using namespace cip;

namespace {

struct Inner {
  std::string name;
  std::optional<Bytes32> key;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(name, key);
  }
};
struct Outer {
  std::uint64_t count = 0;
  std::int32_t offset = 0;
  bool flag = false;
  Endpoint endpoint;
  std::vector<Inner> items;
  Bytes data;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(count, offset, flag, endpoint, items, data);
  }
};

Outer sample() {
  return {7, -3, true, {0x7f000001, 9}, {{"a", Bytes32{1}}, {"b", std::nullopt}}, {1, 2, 3}};
}

}  // namespace

TEST_CASE("a record survives saving and loading") {
  const auto loaded = load_record<Outer>(save_record(1, sample()), 1);
  REQUIRE(loaded);
  CHECK(loaded->count == 7);
  CHECK(loaded->offset == -3);
  CHECK(loaded->flag);
  CHECK(loaded->endpoint == Endpoint{0x7f000001, 9});
  REQUIRE(loaded->items.size() == 2);
  CHECK(loaded->items[0].key == Bytes32{1});
  CHECK_FALSE(loaded->items[1].key);
  CHECK(loaded->data == Bytes{1, 2, 3});
}

TEST_CASE("every truncation of a record is refused") {
  const auto whole = save_record(1, sample());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(load_record<Outer>(ByteView(whole).first(n), 1));
  }
}

TEST_CASE("a record of another version is refused by name") {
  CHECK(load_record<Outer>(save_record(2, sample()), 1).error() == Errc::unknown_version);
}

TEST_CASE("a count that promises more than the record holds allocates nothing") {
  Writer writer;
  writer.u8(1);
  writer.uint(kMaxArrayCount);
  CHECK(load_record<std::vector<Inner>>(writer.view(), 1).error() == Errc::truncated);
}
