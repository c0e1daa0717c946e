#pragma once

// Feeds as users name them, and what to say when one cannot be opened or made.

#include <optional>
#include <string>

#include "node/error.hpp"
#include "store/storage_op.hpp"

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

// What opens the feed, or adds it when its key is new. Error: see parse_feed_name().
Outcome<store::OpenFeedOp> open_feed_op(const FeedQuery& query, const Bytes32& primary_key);
// Why that did not open it: not_found (a name nobody gave, a key without record), refused (another
// encryption key is known, or the feed is a plain one of our own), corrupt, full.
Error open_error(const FeedQuery& query, std::error_code reason);
// Why FeedStore::create() did not make it: conflict (the name is taken, or its derived key was used
// and dropped), full.
Error create_error(const store::NewWriter& wanted, std::error_code reason);

}  // namespace cip::node
