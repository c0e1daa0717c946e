#pragma once

// Saves what can be read of a damaged home into a new one.

#include <filesystem>
#include <vector>

#include "node/local.hpp"
#include "node/service.hpp"

namespace cip::node {

// The damaged home is only read; `target` becomes a home, and must not exist or be empty. Feeds are
// saved whose head is signed and whose tree holds, with those of their blocks that verify; further
// the identity, the key ring and the topics. One result per feed:
//
//   {"key", "keyHex", "name", "writable", "saved": bool, "length": n, "blocks": n, "bytes": n,
//    "lost": n, "reason"?}             lost: blocks that were here and cannot be read any more
//
// then {"home", "identity": bool, "feeds": n, "notSaved": n, "keys": n, "topics": n,
// "lostFiles": [names]}. Without its identity the new home gets another one. Feeds that are not
// saved, and files of the database that are gone, cut or damaged, since they may have held feeds,
// are an error beside the results: corrupt.
//
// Errors: usage (the target holds something), busy (a node runs in the damaged home), not_found
// (there is no database), corrupt (nothing can be read), full, internal.
Outcome<LocalAnswer> salvage(const std::filesystem::path& damaged,
                             const std::filesystem::path& target);

}  // namespace cip::node
