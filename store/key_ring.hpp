#pragma once

// Who a home is and what it may write: key pairs that follow from the primary key, and the secrets
// that do not, kept in the database (feeds.md 12; peer implementation: npm corestore).
//
// The identity and derived feeds come back with the primary key alone. Writer feeds get random keys
// unless derivation is asked for, since a key that follows from the identity starts again at length
// 0 when the database is lost, and forks itself for ever. For the same reason a derived name whose
// feed was dropped is spent: nobody knows any more how long the feed was.

#include <optional>
#include <string_view>

#include "store/backend.hpp"

namespace cip::store {

// The key pair whose public half is the peer key: namespace `cip/identity`, name `peer`.
KeyPair derive_identity(const Bytes32& primary_key);
// The key pair of a derived feed: the root namespace, as a stock store with this primary key has
// it.
KeyPair derive_feed_key_pair(const Bytes32& primary_key, std::string_view name);

class KeyRing {
 public:
  // `backend` outlives the ring. Calls may block on the disk; as thread-safe as the backend, but
  // two changes of one key at a time are not made one.
  KeyRing(Backend& backend, const Bytes32& primary_key)
      : backend_(backend), primary_key_(primary_key) {}

  // The key pair that signs a feed; nullopt for feeds of others and for what was retired.
  Result<std::optional<KeyPair>> find_signer(const Bytes32& feed_key);
  // The key that the blocks of a feed are encrypted with; nullopt when none is known. Keys come
  // into the ring with the feeds that are created, and by import_keys(): a reader's own stay with
  // it.
  Result<std::optional<Bytes32>> find_encryption_key(const Bytes32& feed_key);

  // Forgets the secrets of a feed that is about to be dropped; of a derived one it stays known that
  // its name is spent. To be called before the feed goes: a secret without its feed would fork it.
  Result<void> retire(const Bytes32& feed_key);
  Result<bool> is_spent(const Bytes32& feed_key);

 private:
  Backend& backend_;
  const Bytes32 primary_key_;
};

}  // namespace cip::store
