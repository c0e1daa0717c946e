#include "overlay/contact_card.hpp"

#include <doctest/doctest.h>

#include "overlay/dial_policy.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::overlay;

namespace {

constexpr std::uint64_t kHour = 3600;
constexpr Now kNow{TimePoint{}, UnixMillis{1'800'000'000'500}};
constexpr std::uint64_t kNowSeconds = 1'800'000'000;

// 203.0.113.9:49737, expiry 1800021600; written out by hand from dht.md 18.3.
constexpr auto kGolden =
    "6369706e6f646501"  // "cipnode" 01
    "010101"            // capabilities 1
    "0206cb00710949c2"  // one endpoint; ports are little endian
    "0405fe"
    "60264a6b";  // expiry
ContactCard golden() {
  ContactCard card;
  card.tcp.capabilities = kCapabilityBoundTcp;
  card.tcp.endpoints = {{0xcb007109, 49737}};
  card.expiry = kNowSeconds + 6 * kHour;
  return card;
}

}  // namespace

TEST_CASE("a card has the bytes of the protocol, and comes back from them") {
  CHECK(encode_contact_card(golden()) == test::hex(kGolden));
  CHECK(decode_contact_card(test::hex(kGolden)) == golden());
  auto full = golden();
  full.tcp.endpoints.assign(kMaxHelloAddresses, {0x01020304, 5});
  full.tcp.endpoints6.assign(3, {{0x20, 1}, 7});
  CHECK(decode_contact_card(encode_contact_card(full)) == full);
}

TEST_CASE("a value without the magic is not a card, whatever follows") {
  auto bytes = test::hex(kGolden);
  CHECK(is_contact_card(bytes));
  for (std::size_t i = 0; i < 8; ++i) {
    auto other = bytes;
    other[i] ^= 1;
    CHECK_FALSE(is_contact_card(other));
    CHECK_FALSE(decode_contact_card(other));
    CHECK_FALSE(is_contact_card(ByteView(bytes).first(i)));
  }
}

TEST_CASE("a card that is cut within an entry does not decode") {
  const auto bytes = test::hex(kGolden);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const bool between_entries = size == 8 || size == 11 || size == 19;
    const auto card = decode_contact_card(ByteView(bytes).first(size));
    CHECK(card.has_value() == between_entries);
    // Without its last entry it has no expiry, and so never counts.
    if (card) CHECK_FALSE(card->is_current(kNow));
  }
}

TEST_CASE("entries of later versions are skipped, lengths that cannot be are refused") {
  const std::string magic = "6369706e6f646501";
  const auto later = decode_contact_card(test::hex(magic + "2a03010203" + "0405fe60264a6b"));
  REQUIRE(later);
  CHECK(later->expiry == golden().expiry);
  CHECK_FALSE(decode_contact_card(test::hex(magic + "0205cb00710949")));
  CHECK_FALSE(decode_contact_card(test::hex(magic + "0400")));
  // A length far beyond what is there is refused before anything is made of it.
  CHECK_FALSE(decode_contact_card(test::hex(magic + "02ffffffffffffffff1f")));
}

TEST_CASE("of more endpoints than a list may have the first ones are read") {
  Writer out;
  out.raw(kTcpMagic);
  for (int entry = 0; entry < 3; ++entry) {
    out.uint(2);
    out.uint(6 * 100);
    for (int i = 0; i < 100; ++i) out.addr4({0x01020304, 5});
  }
  const auto card = decode_contact_card(out.view());
  REQUIRE(card);
  CHECK(card->tcp.endpoints.size() == kMaxHelloAddresses);
}

TEST_CASE("a card counts until its expiry, and never for more than 48 hours") {
  auto card = golden();
  CHECK(card.until(kNow).value == (kNowSeconds + 6 * kHour) * 1000);
  CHECK(card.is_current(kNow));
  card.expiry = kNowSeconds;
  CHECK_FALSE(card.is_current(kNow));
  card.expiry = kNowSeconds + 1;
  CHECK(card.is_current(kNow));
  for (const std::uint64_t far : {kNowSeconds + 49 * kHour, std::uint64_t{1} << 53, UINT64_MAX}) {
    card.expiry = far;
    CHECK(card.until(kNow).value == kNow.wall.value + 48 * kHour * 1000);
  }
}

TEST_CASE("only endpoints that mean the same host to everybody are named or dialled") {
  const std::vector<Endpoint> all = {
      {0x7f000001, 1}, {0x0a000001, 2}, {0xc0a80001, 3}, {0x64400001, 4},  {0x00000001, 5},
      {0xe0000001, 6}, {0xffffffff, 7}, {0xcb007109, 0}, {0xcb007109, 80}, {0xcb007109, 80}};
  CHECK(public_endpoints(all) == std::vector<Endpoint>{{0xcb007109, 80}});
  std::vector<Endpoint> many;
  for (std::uint16_t port = 1; port <= 20; ++port) many.push_back({0xcb007109, port});
  CHECK(public_endpoints(many).size() == kMaxEndpointsDialled);
}
