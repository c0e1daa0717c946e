#pragma once

// Whether what a folder holds under the names of a home is a home's.

#include <string_view>

#include "node/error.hpp"
#include "node/home.hpp"

namespace cip::node {

// A folder that somebody names may have files of another program under the names that a node writes
// to. Error refused: names the first of them. A home with an identity is one, as a node makes it
// before its database, its log and its socket; a backup is none.
Outcome<void> check_home_content(const HomePaths& paths);

// It has the files of a home, but its feeds are not marked as restored: what is appended to them
// there forks them, and the backup is one no more.
bool is_backup(const HomePaths& paths);

// Whether there is a database that was used; its identity was made before it.
bool has_database(const HomePaths& paths);

// Whether the text of a lock is one that a node wrote. Nothing: a node that ended left it.
bool is_lock_text(std::string_view text);

// Whether `file`, by whatever way, is one that the home lives on, so that a command must not write
// what a user wants to have there.
bool is_home_file(const HomePaths& paths, const std::filesystem::path& file);

}  // namespace cip::node
