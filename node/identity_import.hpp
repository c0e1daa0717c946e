#pragma once

// What must be settled before a node can take an exported identity in: that the file is one, and
// that the home has this identity or none.

#include "node/home.hpp"
#include "store/identity_export.hpp"

namespace cip::node {

// The contents of an export. Errors: usage (another kind of file), corrupt, incompatible.
Outcome<store::IdentityExport> parse_import(ByteView bytes);

// The home belongs to somebody else than the export does.
Error other_identity(const HomePaths& paths);

// Reads the export behind `input_fd`, a file whose position is left at its start. A home without
// identity, or with a damaged one, gets that of the export; the damaged file is kept beside it.
// Errors: those of parse_import(), conflict (another identity), those of the home. Nothing is
// changed then.
Outcome<void> prepare_import(const HomePaths& paths, int input_fd);

}  // namespace cip::node
