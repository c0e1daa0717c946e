#include "base/crypto.hpp"

#include <sodium.h>

#include "base/assert.hpp"

namespace cip {
inline namespace base {
namespace {

template <std::size_t N>
FixedBytes<N> blake2b(std::initializer_list<ByteView> parts, ByteView key) {
  CIP_ASSERT(key.size() <= crypto_generichash_KEYBYTES_MAX);
  crypto_generichash_state state;
  FixedBytes<N> out;
  crypto_generichash_init(&state, key.empty() ? nullptr : key.data(), key.size(), N);
  for (const auto part : parts) crypto_generichash_update(&state, part.data(), part.size());
  crypto_generichash_final(&state, out.data(), N);
  return out;
}

}  // namespace

bool init_crypto() { return sodium_init() >= 0; }

Bytes32 hash(std::initializer_list<ByteView> parts) { return blake2b<32>(parts, {}); }

Bytes32 keyed_hash(ByteView key, std::initializer_list<ByteView> parts) {
  return blake2b<32>(parts, key);
}

Bytes64 hash64(std::initializer_list<ByteView> parts, ByteView key) {
  return blake2b<64>(parts, key);
}

Bytes32 make_namespace(std::string_view name, std::uint8_t index) {
  const Bytes32 root = hash(bytes_of(name));
  return hash({root, ByteView(&index, 1)});
}

KeyPair make_key_pair(const Seed& seed) {
  KeyPair out;
  crypto_sign_seed_keypair(out.public_key.data(), out.secret.data(), seed.data());
  return out;
}

Signature sign(ByteView message, const KeyPair& key) {
  Signature out;
  crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), key.secret.data());
  return out;
}

bool verify_signature(const Signature& signature, ByteView message, const PublicKey& key) {
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
}

bool equal_secret(ByteView a, ByteView b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

Bytes32 child_namespace(const Bytes32& parent, std::string_view name) {
  return hash({parent, bytes_of(name)});
}

KeyPair derive_key_pair(const Bytes32& primary_key, const Bytes32& name_space,
                        std::string_view name) {
  static const Bytes32 domain = make_namespace("corestore", 0);
  return make_key_pair(keyed_hash(primary_key, {domain, name_space, bytes_of(name)}));
}

Bytes32 discovery_key(const Bytes32& feed_key) {
  return keyed_hash(feed_key, bytes_of("hypercore"));
}

}  // namespace base
}  // namespace cip
