#include "dht/signatures.hpp"

#include <cstring>

#include "base/codec.hpp"

namespace cip::dht {
namespace {

// Frozen: npm hyperdht numbers its namespaces.
constexpr std::string_view kNamespaceName = "hyperswarm/dht";
constexpr std::uint8_t kAnnounceIndex = 4;
constexpr std::uint8_t kUnannounceIndex = 5;
constexpr std::uint8_t kMutablePutIndex = 6;

Bytes64 joined(const Bytes32& name_space, const Bytes32& digest) {
  Bytes64 out;
  std::memcpy(out.data(), name_space.data(), name_space.size());
  std::memcpy(out.data() + name_space.size(), digest.data(), digest.size());
  return out;
}

Bytes64 scoped_signable(const Bytes32& name_space, const AnnounceScope& scope, const Peer& peer,
                        const std::optional<Bytes32>& refresh) {
  const Bytes encoded = encode_peer(peer);
  const ByteView last = refresh ? ByteView(*refresh) : ByteView{};
  return joined(name_space,
                hash({scope.target, scope.storing_node.bytes, scope.token, encoded, last}));
}

}  // namespace

const Bytes32& announce_namespace() {
  static const Bytes32 value = make_namespace(kNamespaceName, kAnnounceIndex);
  return value;
}

const Bytes32& unannounce_namespace() {
  static const Bytes32 value = make_namespace(kNamespaceName, kUnannounceIndex);
  return value;
}

const Bytes32& mutable_put_namespace() {
  static const Bytes32 value = make_namespace(kNamespaceName, kMutablePutIndex);
  return value;
}

Bytes64 announce_signable(const AnnounceScope& scope, const Peer& peer,
                          const std::optional<Bytes32>& refresh) {
  return scoped_signable(announce_namespace(), scope, peer, refresh);
}

Bytes64 unannounce_signable(const AnnounceScope& scope, const Peer& peer,
                            const std::optional<Bytes32>& refresh) {
  return scoped_signable(unannounce_namespace(), scope, peer, refresh);
}

Bytes64 mutable_signable(std::uint64_t seq, ByteView value) {
  Writer out(2 * 9 + value.size());
  out.uint(seq);
  out.buffer(value);
  return joined(mutable_put_namespace(), hash(out.view()));
}

AnnounceValue sign_announce(const AnnounceScope& scope, Peer peer, const KeyPair& key,
                            std::uint64_t bump, std::optional<Bytes32> refresh) {
  AnnounceValue out;
  out.signature = sign(announce_signable(scope, peer, refresh), key);
  out.peer = std::move(peer);
  out.refresh = refresh;
  out.bump = bump;
  return out;
}

AnnounceValue sign_unannounce(const AnnounceScope& scope, const KeyPair& key) {
  AnnounceValue out;
  out.peer = Peer{key.public_key, {}};
  out.signature = sign(unannounce_signable(scope, *out.peer, std::nullopt), key);
  return out;
}

MutablePut sign_mutable(std::uint64_t seq, Bytes value, const KeyPair& key) {
  const Signature signature = sign(mutable_signable(seq, value), key);
  return {key.public_key, {seq, std::move(value), signature}};
}

bool verify_announce(const AnnounceScope& scope, const AnnounceValue& announce) {
  if (!announce.peer || !announce.signature) return false;
  return verify_signature(*announce.signature,
                          announce_signable(scope, *announce.peer, announce.refresh),
                          announce.peer->public_key);
}

bool verify_unannounce(const AnnounceScope& scope, const AnnounceValue& announce) {
  if (!announce.peer || !announce.signature) return false;
  return verify_signature(*announce.signature,
                          unannounce_signable(scope, *announce.peer, announce.refresh),
                          announce.peer->public_key);
}

bool verify_mutable(const PublicKey& key, const MutableValue& value) {
  return verify_signature(value.signature, mutable_signable(value.seq, value.value), key);
}

}  // namespace cip::dht
