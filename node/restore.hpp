#pragma once

// `cipnode restore`: a home of what `cipnode backup` wrote.
//
// All is copied into HOME/restore.partial and checked against the manifest there; the database is
// opened, and its own feeds are marked as restored (store/feed_store.hpp), so that the first append
// of each asks how far the feed went since. Only then the files take their places, the identity
// last: a home without it, but with that folder, is none, and the next restore begins anew.

#include <filesystem>

#include "node/home.hpp"
#include "node/service.hpp"

namespace cip::node {

// {"home", "key", "keyHex", "files": n, "bytes": n, "feeds": own feeds, "created": ms,
//  "program": its version}.
//
// Errors: usage (no backup), corrupt, incompatible, conflict (the home is not empty), busy (a
// process uses it), refused, full, internal. Then nothing of it is in the home.
Outcome<Json> restore_home(const HomePaths& home, const std::filesystem::path& backup);

}  // namespace cip::node
