#include "dht/node_id.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "base/random.hpp"
#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;

namespace {

Bytes32 id_with(std::size_t byte, std::uint8_t value) {
  Bytes32 out{};
  out[byte] = value;
  return out;
}

// The definition, bit by bit.
Bytes32 xor_of(const Bytes32& a, const Bytes32& b) {
  Bytes32 out;
  for (std::size_t i = 0; i < 32; ++i) out[i] = static_cast<std::uint8_t>(a[i] ^ b[i]);
  return out;
}

const Endpoint kLoopback{0x7f000001, 1};
const Endpoint kPrivate{0x0a000001, 2};
const Endpoint kPublic{0x09090909, 3};

}  // namespace

TEST_CASE("a node id is the hash of the address the node is seen at") {
  for (const auto& vector : test::load_vectors("dht/ids.json", "ids")) {
    CHECK(node_id_of(test::endpoint_of(vector)).bytes == test::hex32(vector.at("id")));
  }
}

TEST_CASE("shared bits are the leading bits two ids have in common") {
  CHECK(shared_bits(Bytes32{}, Bytes32{}) == 256);
  CHECK(shared_bits(Bytes32{}, id_with(0, 0x80)) == 0);
  CHECK(shared_bits(Bytes32{}, id_with(0, 0x01)) == 7);
  CHECK(shared_bits(Bytes32{}, id_with(8, 0xff)) == 64);
  CHECK(shared_bits(Bytes32{}, id_with(31, 0x01)) == 255);
}

TEST_CASE("ids are ordered by their XOR with the target as a big-endian number") {
  SeededRandom random(7);
  for (int i = 0; i < 500; ++i) {
    const auto target = random.bytes<32>();
    auto a = random.bytes<32>();
    auto b = random.bytes<32>();
    if (i % 2 == 0) std::copy_n(a.begin(), i % 32, b.begin());  // long common prefixes as well
    const auto expected = xor_of(a, target) <=> xor_of(b, target);
    CHECK(compare_distance(target, a, b) == expected);
    CHECK(CloserTo(target)({a}, {b}) == (expected < 0));
    CHECK(compare_distance(target, a, a) == 0);
  }
}

TEST_CASE("the distance prefix is the first 64 bits of the distance") {
  CHECK(distance_prefix(id_with(0, 0x80), Bytes32{}) == std::uint64_t{1} << 63);
  CHECK(distance_prefix(id_with(7, 0x01), Bytes32{}) == 1);
  CHECK(distance_prefix(id_with(8, 0xff), Bytes32{}) == 0);
}

TEST_CASE("a contact is handed out only within its realm or to a narrower one") {
  CHECK(may_hand_out(kLoopback, kLoopback));
  CHECK_FALSE(may_hand_out(kLoopback, kPrivate));
  CHECK_FALSE(may_hand_out(kLoopback, kPublic));
  CHECK(may_hand_out(kPrivate, kLoopback));
  CHECK(may_hand_out(kPrivate, kPrivate));
  CHECK_FALSE(may_hand_out(kPrivate, kPublic));
  CHECK(may_hand_out(kPublic, kLoopback));
  CHECK(may_hand_out(kPublic, kPublic));
}

TEST_CASE("a node without addresses has no id for anybody") {
  const OwnAddresses own;
  CHECK_FALSE(own.widest());
  CHECK_FALSE(own.seen_from(Realm::loopback));
  CHECK_FALSE(own.contains(kLoopback));
}

TEST_CASE("each receiver sees the narrowest own address that reaches its realm") {
  OwnAddresses own;
  CHECK(own.set(kLoopback));
  CHECK_FALSE(own.set(kLoopback));
  CHECK(own.seen_from(Realm::loopback)->endpoint == kLoopback);
  CHECK_FALSE(own.seen_from(Realm::private_network));

  CHECK(own.set(kPublic));
  CHECK(own.seen_from(Realm::loopback)->endpoint == kLoopback);
  CHECK(own.seen_from(Realm::private_network)->endpoint == kPublic);
  CHECK(own.seen_from(Realm::public_network)->endpoint == kPublic);

  CHECK(own.set(kPrivate));
  CHECK(own.seen_from(Realm::private_network)->endpoint == kPrivate);
  CHECK(own.seen_from(Realm::private_network)->id == node_id_of(kPrivate));
}

TEST_CASE("the id of the table is that of the widest realm") {
  OwnAddresses own;
  own.set(kLoopback);
  CHECK(own.widest()->endpoint == kLoopback);
  own.set(kPublic);
  CHECK(own.widest()->id == node_id_of(kPublic));
  own.clear(Realm::public_network);
  CHECK(own.widest()->endpoint == kLoopback);
  CHECK_FALSE(own.contains(kPublic));
}
