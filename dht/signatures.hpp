#pragma once

// What announces, unannounces and mutable values sign (dht.md 10). The signed bytes are always 64:
// a namespace and a hash.
//
//   announce    NS_ANNOUNCE    || H(target || storing node's id || token || peer || refresh)
//   unannounce  NS_UNANNOUNCE  || the same, with a peer that has no relay addresses
//   mutable     NS_MUTABLE_PUT || H(uint seq || buffer value)

#include <optional>

#include "base/crypto.hpp"
#include "dht/node_id.hpp"
#include "dht/payloads.hpp"

namespace cip::dht {

// Namespaces of npm hyperdht, computed once.
const Bytes32& announce_namespace();
const Bytes32& unannounce_namespace();
const Bytes32& mutable_put_namespace();

// What binds an announce to one storing node and one token, so that it cannot be replayed elsewhere
// or later.
struct AnnounceScope {
  Target target{};
  NodeId storing_node;
  Bytes32 token{};
};

Bytes64 announce_signable(const AnnounceScope& scope, const Peer& peer,
                          const std::optional<Bytes32>& refresh);
Bytes64 unannounce_signable(const AnnounceScope& scope, const Peer& peer,
                            const std::optional<Bytes32>& refresh);
Bytes64 mutable_signable(std::uint64_t seq, ByteView value);

// The complete, signed values of requests. The bump is not covered by the signature.
AnnounceValue sign_announce(const AnnounceScope& scope, Peer peer, const KeyPair& key,
                            std::uint64_t bump = 0, std::optional<Bytes32> refresh = {});
AnnounceValue sign_unannounce(const AnnounceScope& scope, const KeyPair& key);
MutablePut sign_mutable(std::uint64_t seq, Bytes value, const KeyPair& key);

// False as well when peer or signature is missing.
[[nodiscard]] bool verify_announce(const AnnounceScope& scope, const AnnounceValue& announce);
[[nodiscard]] bool verify_unannounce(const AnnounceScope& scope, const AnnounceValue& announce);
[[nodiscard]] bool verify_mutable(const PublicKey& key, const MutableValue& value);

// Where a peer is announced under its own key, and where its mutable value lives: H(public key).
inline Target target_of_key(const PublicKey& key) { return hash(key); }
// Where an immutable value lives: H(value).
inline Target target_of_value(ByteView value) { return hash(value); }

}  // namespace cip::dht
