#pragma once

// Hashes and signatures that every floor shares: BLAKE2b and Ed25519 from libsodium, plus the
// namespaces that keep uses of them apart (feeds.md 2, dht.md 1) and the derivation of key pairs
// from a primary key (feeds.md 12; peer implementation: npm corestore).

#include <initializer_list>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace cip {
inline namespace base {

using PublicKey = Bytes32;
using Seed = Bytes32;
using Signature = Bytes64;

// Initialises libsodium; call once at the start of main. Returns false when it cannot work.
[[nodiscard]] bool init_crypto();

// BLAKE2b with 32 bytes of output over the concatenation of parts.
Bytes32 hash(std::initializer_list<ByteView> parts);
inline Bytes32 hash(ByteView bytes) { return hash({bytes}); }
// The same keyed; a key has at most 64 bytes.
Bytes32 keyed_hash(ByteView key, std::initializer_list<ByteView> parts);
inline Bytes32 keyed_hash(ByteView key, ByteView bytes) { return keyed_hash(key, {bytes}); }
// BLAKE2b with 64 bytes of output, unkeyed or (64 byte key at most) keyed.
Bytes64 hash64(std::initializer_list<ByteView> parts, ByteView key = {});

// ns(name, index) = H( H(name) || byte(index) ).
Bytes32 make_namespace(std::string_view name, std::uint8_t index);

// An Ed25519 key pair. `secret` is libsodium's 64 byte form: seed, then public key.
struct KeyPair {
  PublicKey public_key{};
  Bytes64 secret{};

  Seed seed() const { return first_bytes<32>(secret); }
};
KeyPair make_key_pair(const Seed& seed);
Signature sign(ByteView message, const KeyPair& key);  // deterministic
[[nodiscard]] bool verify_signature(const Signature& signature, ByteView message,
                                    const PublicKey& key);
// Compares secrets in constant time.
[[nodiscard]] bool equal_secret(ByteView a, ByteView b);

// A namespace path below the root namespace (32 zero bytes): child = H(parent || name).
Bytes32 child_namespace(const Bytes32& parent, std::string_view name);
// The key pair called `name` in `name_space` of the holder of `primary_key`.
KeyPair derive_key_pair(const Bytes32& primary_key, const Bytes32& name_space,
                        std::string_view name);

// Text that names the topic of a feed without giving its key: H(key = feed key, "hypercore").
Bytes32 discovery_key(const Bytes32& feed_key);

}  // namespace base
}  // namespace cip
