#pragma once

// Finding, making and loading a feed in the database: what runs on the storage pool.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "node/error.hpp"
#include "store/backend.hpp"
#include "store/block_encryption.hpp"
#include "store/feed.hpp"

namespace cip::node {

// A feed as a user or another peer names it.
struct FeedQuery {
  std::string text{};                     // KEY or NAME as typed; `key:` and `name:` settle doubt
  std::optional<Bytes32> key;             // instead of text
  std::optional<Bytes32> topic;           // a new record is that of an author's feed of this topic
  std::optional<Bytes32> encryption_key;  // to read it with; kept in the key ring
  store::DiskClass disk_class = store::DiskClass::cache;  // of a new record
  bool create = true;  // an unknown key gets a record; false: not_found
};

struct NewFeed {
  std::string name;
  bool compat = false;
  bool encrypted = false;
  bool derived = false;  // its key follows from the primary key and the name
  bool is_private = false;
  std::optional<Bytes32> topic;
};

struct LoadedFeed {
  store::FeedRecord record;
  std::optional<KeyPair> signer;
  std::optional<store::BlockCipher> cipher;
  std::optional<store::Feed> feed;  // absent only after it was moved out
};

// What the text of a query means. Error usage: neither a key nor a name could be written so.
struct FeedName {
  std::optional<Bytes32> key;
  std::string name;
};
Outcome<FeedName> parse_feed_name(const std::string& text);

// Errors: usage, not_found (a name nobody gave, a key without record), corrupt, full.
Outcome<LoadedFeed> load_feed(store::Backend& backend, const FeedQuery& query,
                              const Bytes32& primary_key);
// `seed` and `encryption_key` are fresh random bytes. Error conflict: the name is taken, or its
// derived key was used and dropped.
Outcome<LoadedFeed> create_feed(store::Backend& backend, const NewFeed& wanted,
                                const Bytes32& primary_key, const Seed& seed,
                                const Bytes32& encryption_key, UnixMillis created);

}  // namespace cip::node
