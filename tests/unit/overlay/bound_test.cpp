#include "overlay/transport/bound.hpp"

#include <doctest/doctest.h>

#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::overlay;
using test::hex;
using test::hex32;
using test::hex64;
using test::load_vectors;

TEST_CASE("hash', stream ids and proofs of a bound stream are the recorded ones") {
  const auto vector = load_vectors("dht/extension-tcp.json", "boundStream");
  const auto hash =
      bound_hash(hex32(vector["k1"]), hex32(vector["k2"]), hex64(vector["handshakeHash"]));
  CHECK(hash == hex64(vector["boundHash"]));
  const auto first = [&](std::size_t side) {
    return first_bytes<kFirstFrameSize>(hex(vector["sides"][side]["first"]));
  };
  for (std::size_t side = 0; side < 2; ++side) {
    const auto role = side == 0 ? Role::initiator : Role::responder;
    CHECK(stream_id(hash, role) == hex32(vector["sides"][side]["streamId"]));
    CHECK(bound_proof(hash, first(side), first(1 - side)) == hex32(vector["sides"][side]["proof"]));
  }
}

TEST_CASE("stream ids under a handshake hash are the recorded ones") {
  for (const auto& vector : load_vectors("feeds/noise.json", "handshakes")) {
    const auto hash = hex64(vector["handshakeHash"]);
    CHECK(stream_id(hash, Role::initiator) == hex32(vector["streamId"]["initiator"]));
    CHECK(stream_id(hash, Role::responder) == hex32(vector["streamId"]["responder"]));
  }
  for (const auto& vector : load_vectors("dht/noise-ik.json", "transcripts")) {
    const auto hash = hex64(vector["handshakeHash"]);
    CHECK(stream_id(hash, Role::initiator) == hex32(vector["streamIds"]["initiator"]));
    CHECK(stream_id(hash, Role::responder) == hex32(vector["streamIds"]["responder"]));
  }
}

TEST_CASE("each side of a hello sends with the key the other receives with") {
  const Bytes32 k1{1}, k2{2};
  const auto initiator = make_bound_keys(Role::initiator, k1, k2, Bytes64{3}, PublicKey{4});
  const auto responder = make_bound_keys(Role::responder, k1, k2, Bytes64{3}, PublicKey{5});
  CHECK(initiator.send_key == k1);
  CHECK(initiator.receive_key == k2);
  CHECK(responder.send_key == k2);
  CHECK(responder.receive_key == k1);
  CHECK(initiator.hash == responder.hash);
}
