#pragma once

// What a backup of a home holds, as a text file in its folder. It is written last and names every
// file with its length and hash: a folder without it is no backup, one that differs from it a
// damaged one.
//
//   cipnode backup 1
//   program VERSION
//   store FORMAT                   of the database
//   created MILLISECONDS           since 1970
//   identity KEY                   z32: by which others find the node
//   file LENGTH HASH PATH          HASH: 64 hex digits, BLAKE2b; PATH: "identity", "config.toml" or
//   …                              "database/NAME", each once
//   checksum HASH                  of all before it
//
// Frozen with version 1.

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/time.hpp"
#include "node/error.hpp"

namespace cip::node {

inline constexpr std::string_view kManifestName = "manifest";
// Before the version: of one that this program cannot read, too.
inline constexpr std::string_view kManifestTitle = "cipnode backup ";
// A database of a terabyte has some 16,000 files of 64 MiB.
inline constexpr std::size_t kLargestManifest = std::size_t{64} << 20;

struct BackupFile {
  std::string path;
  std::uint64_t bytes = 0;
  Bytes32 hash{};
};

struct BackupManifest {
  std::string program;
  std::uint32_t store_format = 0;
  UnixMillis created{};
  PublicKey identity{};
  std::vector<BackupFile> files;
};

std::string encode_manifest(const BackupManifest& manifest);

// Errors: corrupt (damaged), incompatible (a later format, of the backup or of its database), usage
// (no manifest at all).
Outcome<BackupManifest> decode_manifest(std::string_view text);

}  // namespace cip::node
