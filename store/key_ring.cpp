#include "store/key_ring.hpp"

namespace cip::store {

KeyPair derive_identity(const Bytes32& primary_key) {
  return derive_key_pair(primary_key, child_namespace(Bytes32{}, "cip/identity"), "peer");
}

KeyPair derive_feed_key_pair(const Bytes32& primary_key, std::string_view name) {
  return derive_key_pair(primary_key, Bytes32{}, name);
}

Result<std::optional<KeyPair>> KeyRing::find_signer(const Bytes32& feed_key) {
  const auto ring = backend_.find_ring_key(feed_key);
  if (!ring) return fail(ring.error());
  std::optional<KeyPair> signer;
  if (!*ring || (*ring)->dropped) return signer;
  if ((*ring)->seed) {
    signer = make_key_pair(*(*ring)->seed);
  } else if (!(*ring)->derived_name.empty()) {
    signer = derive_feed_key_pair(primary_key_, (*ring)->derived_name);
  }
  return signer;
}

Result<std::optional<Bytes32>> KeyRing::find_encryption_key(const Bytes32& feed_key) {
  const auto ring = backend_.find_ring_key(feed_key);
  if (!ring) return fail(ring.error());
  return *ring ? (*ring)->encryption_key : std::nullopt;
}

Result<void> KeyRing::retire(const Bytes32& feed_key) {
  const auto ring = backend_.find_ring_key(feed_key);
  if (!ring) return fail(ring.error());
  if (!*ring) return {};
  if ((*ring)->derived_name.empty()) return backend_.drop_ring_key(feed_key);
  RingKey spent;
  spent.key = feed_key;
  spent.derived_name = (*ring)->derived_name;
  spent.dropped = true;
  return backend_.put_ring_key(spent);
}

Result<bool> KeyRing::is_spent(const Bytes32& feed_key) {
  const auto ring = backend_.find_ring_key(feed_key);
  if (!ring) return fail(ring.error());
  return *ring && (*ring)->dropped;
}

}  // namespace cip::store
