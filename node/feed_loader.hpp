#pragma once

// Finding, making and loading a feed in the database: what runs on the storage pool.

#include <optional>
#include <string>

#include "node/error.hpp"
#include "store/feed_store.hpp"

namespace cip::node {

// A feed as a user or another peer names it.
struct FeedQuery {
  std::string text{};                     // KEY or NAME as typed; `key:` and `name:` settle doubt
  std::optional<Bytes32> key;             // instead of text
  std::optional<Bytes32> topic;           // a new record is that of an author's feed of this topic
  std::optional<Bytes32> encryption_key;  // of the reader: checked against what is known, not kept
  store::DiskClass disk_class = store::DiskClass::cache;  // of a new record
  bool create = true;  // an unknown key gets a record; false: not_found
};

// What the text of a query means. Error usage: neither a key nor a name could be written so.
struct FeedName {
  std::optional<Bytes32> key;
  std::string name;
};
Outcome<FeedName> parse_feed_name(const std::string& text);

// Opens a feed, or adds it when its key is new. Errors: usage, not_found (a name nobody gave, a key
// without record), refused (another encryption key is known, or the feed is a plain one of our
// own), corrupt, full.
Outcome<store::OpenFeed> load_feed(store::FeedStore& feeds, store::Backend& backend,
                                   const FeedQuery& query);
// Error conflict: the name is taken, or its derived key was used and dropped.
Outcome<store::OpenFeed> create_feed(store::FeedStore& feeds, const store::NewWriter& wanted,
                                     const store::FreshSecrets& fresh);

}  // namespace cip::node
