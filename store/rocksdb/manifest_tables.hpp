#pragma once

// Which tables a database must have, as its manifest says. RocksDB's repair takes the tables that
// it finds for all that there were, so that a deleted one would not be missed.

#include <map>
#include <set>
#include <string>

#include "base/bytes.hpp"

namespace cip::store {

// The numbers of the tables that the edits of a manifest (RocksDB: db/version_edit.cc) leave in
// place, as far as they can be read; with each that of the oldest file of blobs which it refers to,
// 0 for none.
std::map<std::uint64_t, std::uint64_t> tables_in_manifest(ByteView manifest);

// The names of tables that the newest manifest of the folder has and the folder has not.
std::set<std::string> missing_tables(const std::string& folder);

}  // namespace cip::store
