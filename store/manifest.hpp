#pragma once

// A manifest says who may sign a feed; the feed's key is its hash (feeds.md 5.1; peer
// implementation: npm hypercore, lib/verifier.js and lib/messages.js).
//
//   version 1 to 3:  uint version, uint flags, uint hash (0), uint quorum, array of signer,
//                    [flag 2] prologue, [flag 4] array of fixed32, [flag 8] buffer
//   version 0:       uint 0, uint hash (0), uint type, then
//                    type 0: fixed32 tree hash | type 1: signer | type 2: uint flags, uint quorum,
//                    array of signer
//   flags            1 patches allowed, 2 prologue, 4 linked keys, 8 user data
//   signer           uint signature type (0), fixed32 namespace, fixed32 public key
//   prologue         fixed32 tree hash, uint length

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/codec.hpp"
#include "base/crypto.hpp"
#include "base/result.hpp"

namespace cip::store {

inline constexpr std::uint64_t kMaxManifestVersion = 3;
// No feed in use has more than a handful; the bound keeps verification of one head cheap.
inline constexpr std::uint64_t kMaxSigners = 256;

struct Signer {
  Bytes32 name_space{};
  PublicKey public_key{};
  bool operator==(const Signer&) const = default;
};

// Blocks that every feed with this manifest starts with; they need no signature.
struct Prologue {
  Bytes32 tree_hash{};
  std::uint64_t length = 0;
  bool operator==(const Prologue&) const = default;
};

struct Manifest {
  std::uint64_t version = 1;
  bool allow_patch = false;
  std::uint64_t quorum = 0;  // signers needed; 0 never verifies
  std::vector<Signer> signers;
  std::optional<Prologue> prologue;
  std::optional<std::vector<Bytes32>> linked;  // version 2 and up
  Bytes user_data;                             // version 2 and up; empty is absent

  bool operator==(const Manifest&) const = default;
};

// What a new feed of one writer gets: version 1, the default namespace, quorum 1.
Manifest single_signer_manifest(const PublicKey& public_key);
// The namespace of signers that do not choose one.
const Bytes32& default_signer_namespace();

void encode_manifest(Writer& out, const Manifest& manifest);
Bytes encode_manifest(const Manifest& manifest);
// Reads one manifest and leaves `in` behind it. Errors: malformed_manifest, unsupported_manifest.
Result<Manifest> decode_manifest(Reader& in);
Result<Manifest> decode_manifest(ByteView bytes);

// The feed key: H(MANIFEST || encoded manifest).
Bytes32 manifest_key(const Manifest& manifest);

}  // namespace cip::store
