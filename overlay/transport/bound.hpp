#pragma once

// Keys of a bound stream: a stream that continues a hello, without a second handshake (dht.md
// 18.2). hash' replaces the handshake hash for everything on the stream, since relays of the hello
// can compute the latter.
//
//   hash'    = BLAKE2b-512(key = k1 || k2, "cip/bound/1" || handshake hash)
//   streamId = H(key = hash', NS_INITIATOR or NS_RESPONDER of the sender)
//   first    = streamId (32) || secretstream header (24)
//   proof    = H(key = first 32 bytes of hash', own first || other first)

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "overlay/transport/role.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

inline constexpr std::size_t kFirstFrameSize = 56;
inline constexpr std::size_t kProofSize = 32;
using FirstFrame = FixedBytes<kFirstFrameSize>;

// k1 is what the initiator sends with, k2 the responder.
Bytes64 bound_hash(const Bytes32& k1, const Bytes32& k2, const Bytes64& handshake_hash);
// `hash` is the handshake hash of an XX stream, hash' of a bound one; `sender` who shows the id.
Bytes32 stream_id(const Bytes64& hash, Role sender);
Bytes32 bound_proof(const Bytes64& hash, const FirstFrame& own, const FirstFrame& others);

// All that one side needs to open a stream after a hello.
struct BoundKeys {
  Role role = Role::initiator;  // in the hello
  Bytes32 send_key{};
  Bytes32 receive_key{};
  Bytes64 hash{};    // hash', or of a stream with a stock peer the handshake hash
  PublicKey peer{};  // static key of the other side
  bool of_stock = false;
};
BoundKeys make_bound_keys(Role role, const Bytes32& k1, const Bytes32& k2,
                          const Bytes64& handshake_hash, const PublicKey& peer);
// The same for a stream with a stock peer, over UDX: `hash` is the handshake hash itself, and no
// proofs are sent (udx.md 16).
BoundKeys make_stock_keys(Role role, const Bytes32& k1, const Bytes32& k2,
                          const Bytes64& handshake_hash, const PublicKey& peer);

// Number of a hello of this participant, sent or received; never reused. 0 names none.
using HelloId = std::uint64_t;

// A hello whose other side may dial us.
struct PendingHello {
  HelloId id = 0;
  BoundKeys keys;
  UdxId udx = 0;  // the end of a stream that it may call; 0: none was offered
};

// Hellos by the stream id expected from the other side. Greeter is the real one.
class PendingHellos {
 public:
  virtual const PendingHello* find_pending(const Bytes32& stream_id) const = 0;

 protected:
  ~PendingHellos() = default;
};

}  // namespace cip::overlay
