#include "dht/payloads.hpp"

#include <doctest/doctest.h>

#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;

namespace {

test::Json values(const char* name) { return test::load_vectors("dht/values.json", name); }

Peer peer_of(const test::Json& vector) {
  return {test::hex32(vector.at("publicKey")), test::endpoints_of(vector.at("relayAddresses"))};
}

RelayMode mode_of(const test::Json& vector) {
  return static_cast<RelayMode>(vector.at("mode").get<std::uint64_t>());
}

// The value encodes to these bytes, the bytes decode to the value, with and without something
// behind it, and nothing shorter decodes.
template <typename T, typename Encode, typename Decode>
void check_codec(const T& value, const Bytes& bytes, Encode encode, Decode decode) {
  CHECK(encode(value) == bytes);
  CHECK(decode(bytes) == value);
  Bytes longer = bytes;
  longer.push_back(1);
  CHECK(decode(longer) == value);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(decode(ByteView(bytes).first(n)));
  }
}

}  // namespace

TEST_CASE("peers have the bytes of the stock encoder") {
  for (const auto& vector : values("peer")) {
    check_codec(peer_of(vector), test::hex(vector.at("hex")), encode_peer, decode_peer);
  }
}

TEST_CASE("lookup replies have the bytes of the stock encoder") {
  for (const auto& vector : values("lookupReply")) {
    LookupReply reply;
    for (const auto& peer : vector.at("peers")) {
      reply.peers.push_back(decode_peer(test::hex(peer)).value());
    }
    reply.bump = vector.at("bump").get<std::uint64_t>();
    const auto bytes = test::hex(vector.at("hex"));
    CHECK(encode_lookup_reply(reply) == bytes);
    CHECK(decode_lookup_reply(bytes) == reply);
  }
}

TEST_CASE("a lookup reply that ends after its peers has bump 0") {
  const auto bytes = test::hex(values("lookupReplyWithoutBump").at("hex"));
  const auto reply = decode_lookup_reply(bytes);
  REQUIRE(reply);
  CHECK(reply->peers.size() == 1);
  CHECK(reply->bump == 0);
  CHECK_FALSE(decode_lookup_reply(ByteView(bytes).first(bytes.size() - 1)));
}

TEST_CASE("announces have the bytes of the stock encoder") {
  for (const auto& vector : values("announce")) {
    AnnounceValue announce;
    if (!vector.at("peer").is_null()) announce.peer = peer_of(vector.at("peer"));
    announce.refresh = test::maybe_hex32(vector.at("refresh"));
    if (!vector.at("signature").is_null()) {
      announce.signature = test::hex64(vector.at("signature"));
    }
    announce.bump = vector.at("bump").get<std::uint64_t>();
    check_codec(announce, test::hex(vector.at("hex")), encode_announce, decode_announce);
  }
}

TEST_CASE("mutable values and puts have the bytes of the stock encoder") {
  const auto value_of = [](const test::Json& vector) {
    return MutableValue{vector.at("seq").get<std::uint64_t>(), test::hex(vector.at("value")),
                        test::hex64(vector.at("signature"))};
  };
  for (const auto& vector : values("mutablePut")) {
    const MutablePut put{test::hex32(vector.at("publicKey")), value_of(vector)};
    check_codec(put, test::hex(vector.at("hex")), encode_mutable_put, decode_mutable_put);
  }
  for (const auto& vector : values("mutableGetReply")) {
    check_codec(value_of(vector), test::hex(vector.at("hex")), encode_mutable_value,
                decode_mutable_value);
  }
  for (const auto& vector : values("mutableGetRequest")) {
    check_codec(vector.at("seq").get<std::uint64_t>(), test::hex(vector.at("hex")), encode_seq,
                decode_seq);
  }
}

TEST_CASE("handshakes have the bytes of the stock encoder") {
  for (const auto& vector : values("peerHandshake")) {
    const HandshakeValue value{mode_of(vector), test::hex(vector.at("noise")),
                               test::maybe_endpoint(vector.at("peerAddress")),
                               test::maybe_endpoint(vector.at("relayAddress"))};
    check_codec(value, test::hex(vector.at("hex")), encode_handshake, decode_handshake);
  }
}

TEST_CASE("holepunch messages have the bytes of the stock encoder") {
  for (const auto& vector : values("peerHolepunch")) {
    const HolepunchValue value{mode_of(vector), vector.at("id").get<std::uint64_t>(),
                               test::hex(vector.at("payload")),
                               test::maybe_endpoint(vector.at("peerAddress"))};
    check_codec(value, test::hex(vector.at("hex")), encode_holepunch, decode_holepunch);
  }
}

TEST_CASE("a mode nobody knows is not a hello") {
  CHECK_FALSE(decode_handshake(test::hex_bytes("000500")));
  CHECK(decode_handshake(test::hex_bytes("000400")));
  CHECK_FALSE(decode_holepunch(test::hex_bytes("00050000")));
  CHECK(decode_holepunch(test::hex_bytes("00040000")));
}

TEST_CASE("small values keep to their bounds") {
  check_codec(std::uint16_t{49737}, encode_port(49737), encode_port, decode_port);
  CHECK_FALSE(decode_port(encode_port(0)));
  const Endpoint address{0x01020304, 5};
  check_codec(address, encode_address(address), encode_address, decode_address);
  check_codec(kMaxDelayedPingMs, encode_delay(kMaxDelayedPingMs), encode_delay, decode_delay);
  CHECK_FALSE(decode_delay(encode_delay(kMaxDelayedPingMs + 1)));
}

TEST_CASE("counts above what is there are refused before anything is allocated") {
  const Bytes key(32, 1);
  Bytes peer = key;
  append(peer, test::hex_bytes("fe00000010"));
  CHECK_FALSE(decode_peer(peer));
  CHECK_FALSE(decode_lookup_reply(test::hex_bytes("ff00000000000010000000")));
}
