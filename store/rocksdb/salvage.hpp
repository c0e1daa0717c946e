#pragma once

// What can be read of a damaged database, as a Backend over a copy.
//
// RocksDB's own repair finds the tables of a folder without its manifest, but forgets the files of
// blobs and leaves out logs of column families that it finds no table of. So the manifest that it
// writes gets the blob files added, and the logs are replayed here, record by record, passing over
// those that are damaged.
//
// What comes out is what the files say, in an order that can lack a piece. Nothing of it is trusted
// before it was verified: feeds carry their signatures.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "store/backend.hpp"
#include "store/saved_formats.hpp"

namespace cip::store {

// What of a damaged database is gone, or holds less than was written to it: names of tables and
// logs.
std::set<std::string> lost_files(const std::string& folder);

// `folder` is the database of a home that nobody has open; it is only read. `scratch` must not
// exist; it takes the copy and is the caller's to delete, after the backend. Errors: not_found (no
// file of a database is there), unknown_format, not_writable, full, io_failed, corrupt.
[[nodiscard]] Result<std::unique_ptr<Backend>> open_salvaged(
    const std::string& folder, const std::string& scratch, Random& random,
    std::vector<OwnersFormat> formats = {});

}  // namespace cip::store
