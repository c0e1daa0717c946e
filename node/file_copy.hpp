#pragma once

// Files of a home out of it and into another: whole, hashed on the way, and safe from a power cut
// when the call returns. A file that is not is taken away again by whoever owns its folder.

#include <filesystem>

#include "base/bytes.hpp"
#include "node/error.hpp"

namespace cip::node {

// Copies the first `size` bytes of a file into a new one, of mode 0600, and gives their hash. Ends
// early after a signal (node/signals.hpp). Errors: corrupt (the file is gone, or shorter), full,
// refused, internal.
Outcome<Bytes32> copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
                           std::uint64_t size);
// The same of bytes.
Outcome<Bytes32> write_new_file(const std::filesystem::path& to, ByteView bytes);

// A folder of mode 0700. Error as above.
Outcome<void> make_folder(const std::filesystem::path& folder);
// What was made, renamed and removed in it survives a power cut. Errors as above.
Outcome<void> sync_folder(const std::filesystem::path& folder);
// Errors as above.
Outcome<void> move_into_place(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace cip::node
