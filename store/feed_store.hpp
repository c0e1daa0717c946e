#pragma once

// Makes, opens and drops feeds: a Feed with its directory entry, its signer and its cipher, from
// what a Backend and a KeyRing know. Synchronous, for a storage pool or a test.

#include <optional>
#include <string>

#include "base/random.hpp"
#include "store/block_encryption.hpp"
#include "store/feed.hpp"
#include "store/key_ring.hpp"

namespace cip::store {

// What a feed of our own shall be.
struct NewWriter {
  std::string name{};  // required when derived
  bool compat = false;
  bool encrypted = false;
  bool derived = false;  // key from primary key and name, instead of a random one
  bool is_private = false;
  std::optional<Bytes32> topic{};  // the author's feed of this topic (id); never derived
  UnixMillis created{};
};
// Random bytes for one new feed, drawn by whoever has a Random.
struct FreshSecrets {
  Seed seed{};
  Bytes32 encryption_key{};

  static FreshSecrets draw(Random& random) { return {random.bytes<32>(), random.bytes<32>()}; }
};
// What a feed of others shall be.
struct NewReplica {
  Bytes32 key{};
  DiskClass disk_class = DiskClass::cache;
  std::optional<Bytes32> topic{};
  UnixMillis created{};
};

struct OpenFeed {
  FeedRecord record;
  Feed feed;
  std::optional<KeyPair> signer;          // we may append
  std::optional<Bytes32> encryption_key;  // we can read and write its encrypted blocks
  bool is_restored = false;               // of an own feed: it bears restored_state()

  // Of the feed as it is now: whether it is compat shows with the first proof.
  std::optional<BlockCipher> cipher() const;
};

// The small state (Backend::put_state) that marks an own feed as restored: it came with a copy of
// the database or with an exported identity, and its writer may have appended to it since. Whoever
// has learnt from others how long the feed is drops it.
std::string restored_state(const Bytes32& feed_key);
// Lasts with the next sync.
Result<void> mark_as_restored(Backend& backend, const Bytes32& feed_key);

// Whether `key` may be what a reader takes to read the feed. Errors: wrong_encryption_key (another
// one is known here), not_encrypted (which an own feed is known to be).
Result<void> check_encryption_key(const OpenFeed& opened, const Bytes32& key);

class FeedStore {
 public:
  // `backend` outlives the store.
  FeedStore(Backend& backend, const Bytes32& primary_key)
      : backend_(backend), ring_(backend, primary_key), primary_key_(primary_key) {}

  // Errors: exists (name or derived key in use), spent_name.
  Result<OpenFeed> create(const NewWriter& wanted, const FreshSecrets& fresh);
  // Errors: not_found, corrupt.
  Result<OpenFeed> open(FeedNumber feed);
  Result<OpenFeed> open(const Bytes32& key);
  // Opens the feed when it is here, of whatever class, else adds it.
  Result<OpenFeed> open_replica(const NewReplica& wanted);
  // The feed goes with its contents and its secrets. No Feed object of it may be in use.
  Result<void> drop(FeedNumber feed);

  // Marks all own feeds as restored; returns how many there are. Durable.
  Result<std::size_t> mark_restored();

  KeyRing& ring() { return ring_; }

 private:
  Result<OpenFeed> open(FeedRecord record);

  Backend& backend_;
  KeyRing ring_;
  const Bytes32 primary_key_;
};

}  // namespace cip::store
