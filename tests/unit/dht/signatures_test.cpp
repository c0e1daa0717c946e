#include "dht/signatures.hpp"

#include <doctest/doctest.h>

#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;

namespace {

const test::Json& vectors() {
  static const auto json = test::load_vectors("dht/signatures.json");
  return json;
}

KeyPair key() { return make_key_pair(test::hex32(vectors().at("keyPair").at("seed"))); }

AnnounceScope scope_of(const test::Json& vector) {
  return {test::hex32(vector.at("target")),
          {test::hex32(vector.at("storingNodeId"))},
          test::hex32(vector.at("token"))};
}

AnnounceScope any_scope() { return {Bytes32{1}, {Bytes32{2}}, Bytes32{3}}; }

}  // namespace

TEST_CASE("announces and unannounces sign the bytes of the stock encoder") {
  for (const auto& vector : vectors().at("announces")) {
    CAPTURE(vector.at("what").get<std::string>());
    const auto scope = scope_of(vector);
    const auto peer = decode_peer(test::hex(vector.at("peer"))).value();
    const auto refresh = test::maybe_hex32(vector.at("refresh"));
    const auto bump = vector.at("bump").get<std::uint64_t>();
    const bool announcing = vector.at("namespace") == "ANNOUNCE";

    const auto signable = announcing ? announce_signable(scope, peer, refresh)
                                     : unannounce_signable(scope, peer, refresh);
    CHECK(signable == test::hex64(vector.at("signedBytes")));
    const auto value = announcing ? sign_announce(scope, peer, key(), bump, refresh)
                                  : sign_unannounce(scope, key());
    CHECK(value.signature == test::hex64(vector.at("signature")));
    CHECK(encode_announce(value) == test::hex(vector.at("requestValue")));
    CHECK(verify_announce(scope, value) == announcing);
    CHECK(verify_unannounce(scope, value) == !announcing);
  }
}

TEST_CASE("mutable values sign the bytes of the stock encoder") {
  for (const auto& vector : vectors().at("mutables")) {
    const auto seq = vector.at("seq").get<std::uint64_t>();
    const auto value = test::hex(vector.at("value"));
    CHECK(mutable_signable(seq, value) == test::hex64(vector.at("signedBytes")));
    const auto put = sign_mutable(seq, value, key());
    CHECK(put.signed_value.signature == test::hex64(vector.at("signature")));
    CHECK(encode_mutable_put(put) == test::hex(vector.at("putValue")));
    CHECK(encode_mutable_value(put.signed_value) == test::hex(vector.at("getReplyValue")));
    CHECK(verify_mutable(put.public_key, put.signed_value) == vector.at("verifies").get<bool>());
    CHECK(target_of_key(put.public_key) == test::hex32(vector.at("target")));
  }
}

TEST_CASE("immutable values live at their hash") {
  for (const auto& vector : vectors().at("immutables")) {
    CHECK(target_of_value(test::hex(vector.at("value"))) == test::hex32(vector.at("target")));
  }
}

TEST_CASE("an announce is good for one target, one storing node and one token only") {
  const auto value = sign_announce(any_scope(), {key().public_key, {{0x01010101, 1}}}, key());
  CHECK(verify_announce(any_scope(), value));
  for (const auto change : {0, 1, 2}) {
    auto other = any_scope();
    if (change == 0) other.target[31] ^= 1;
    if (change == 1) other.storing_node.bytes[31] ^= 1;
    if (change == 2) other.token[31] ^= 1;
    CHECK_FALSE(verify_announce(other, value));
  }
}

TEST_CASE("a changed, incomplete or foreign announce does not verify") {
  const auto value = sign_announce(any_scope(), {key().public_key, {{0x01010101, 1}}}, key());
  auto changed = value;
  changed.peer->relay_addresses[0].port = 2;
  CHECK_FALSE(verify_announce(any_scope(), changed));
  changed = value;
  changed.refresh = Bytes32{};
  CHECK_FALSE(verify_announce(any_scope(), changed));
  changed = value;
  changed.peer.reset();
  CHECK_FALSE(verify_announce(any_scope(), changed));
  changed = value;
  changed.signature.reset();
  CHECK_FALSE(verify_announce(any_scope(), changed));
  changed = value;
  changed.peer->public_key = make_key_pair(Seed{9}).public_key;
  CHECK_FALSE(verify_announce(any_scope(), changed));
}

TEST_CASE("a mutable value does not verify under another number, value or key") {
  const auto put = sign_mutable(7, to_bytes(bytes_of("value")), key());
  auto changed = put.signed_value;
  changed.seq = 8;
  CHECK_FALSE(verify_mutable(put.public_key, changed));
  changed = put.signed_value;
  changed.value.push_back(0);
  CHECK_FALSE(verify_mutable(put.public_key, changed));
  CHECK_FALSE(verify_mutable(make_key_pair(Seed{9}).public_key, put.signed_value));
}
