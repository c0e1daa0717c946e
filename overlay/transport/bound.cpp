#include "overlay/transport/bound.hpp"

#include <algorithm>

namespace cip::overlay {

Bytes64 bound_hash(const Bytes32& k1, const Bytes32& k2, const Bytes64& handshake_hash) {
  Bytes64 key;
  std::copy(k1.begin(), k1.end(), key.begin());
  std::copy(k2.begin(), k2.end(), key.begin() + 32);
  return hash64({bytes_of("cip/bound/1"), handshake_hash}, key);
}

Bytes32 stream_id(const Bytes64& hash, Role sender) {
  static const Bytes32 names[] = {make_namespace("hyperswarm/secret-stream", 0),
                                  make_namespace("hyperswarm/secret-stream", 1)};
  return keyed_hash(hash, names[sender == Role::initiator ? 0 : 1]);
}

Bytes32 bound_proof(const Bytes64& hash, const FirstFrame& own, const FirstFrame& others) {
  return keyed_hash(ByteView(hash).first(32), {own, others});
}

BoundKeys make_bound_keys(Role role, const Bytes32& k1, const Bytes32& k2,
                          const Bytes64& handshake_hash, const PublicKey& peer) {
  auto out = make_stock_keys(role, k1, k2, handshake_hash, peer);
  out.hash = bound_hash(k1, k2, handshake_hash);
  out.of_stock = false;
  return out;
}

BoundKeys make_stock_keys(Role role, const Bytes32& k1, const Bytes32& k2,
                          const Bytes64& handshake_hash, const PublicKey& peer) {
  const bool initiator = role == Role::initiator;
  return {.role = role,
          .send_key = initiator ? k1 : k2,
          .receive_key = initiator ? k2 : k1,
          .hash = handshake_hash,
          .peer = peer,
          .of_stock = true};
}

}  // namespace cip::overlay
