#pragma once

// The secrets of a home as one file, to keep them apart from it: the primary key, the key ring, and
// of each own feed and each topic what the directory says. Blocks are not in it. The signed head of
// each own feed is, so that a home that takes the secrets in goes on behind the length that was
// known then and never beside it.
//
//   magic "cipnode-identity", 16 | version u8 (1) | primary key, 32
//   | array of own feed   { buffer FeedRecord, buffer SignedHead, frozen u8 }   as in the database
//   | array of ring key   { buffer RingKey }, by key
//   | array of topic      { buffer TopicRecord }
//   | BLAKE2b of all before, 32
//
// Frozen with version 1.

#include <memory>
#include <vector>

#include "store/backend.hpp"

namespace cip::store {

// A home with a million feeds stays below it.
inline constexpr std::size_t kLargestIdentityExport = std::size_t{1} << 30;

struct ExportedFeed {
  FeedRecord record;
  SignedHead head;
  bool frozen = false;
};

struct IdentityExport {
  Bytes32 primary_key{};
  std::vector<ExportedFeed> feeds;
  std::vector<RingKey> ring;
  std::vector<TopicRecord> topics;
};

// What was not here before.
struct Imported {
  std::vector<Bytes32> feeds;       // own feeds that can be written here from now on
  std::vector<TopicRecord> topics;  // taken part in from now on
  std::size_t keys = 0;             // further secrets
  std::size_t renamed = 0;          // feeds whose name another feed has here: they have none now
};

Result<Bytes> export_identity(Backend& backend, const Bytes32& primary_key);

// Errors: unknown_format (no such file, or of a later version), corrupt. Everything is checked, the
// signatures of the heads too.
Result<IdentityExport> parse_identity_export(ByteView bytes);

// Adds what is not here yet; what is stays as it is. The primary key is the caller's business.
// Calls block on the disk. Repeating it after a failure completes it.
Result<Imported> import_identity(Backend& backend, const IdentityExport& given);

}  // namespace cip::store
