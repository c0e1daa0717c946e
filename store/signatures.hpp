#pragma once

// Signatures of a feed's head (feeds.md 7; peer implementation: npm hypercore, lib/verifier.js and
// lib/multisig.js).
//
//   signed data    TREE (32) || context (32) || tree hash (32) || u64(length) || u64(fork)
//                  compat feeds: the same without context
//   compat, and version 0 with one signer and no patches: the 64 bytes of Ed25519
//   structure B (version 1 and up): array of { uint signer, fixed64 signature, uint patch },
//                                   array of node
//   structure A (version 0 else):   array of { uint flags, uint signer, fixed64 signature,
//                                   [flag 1] uint start, uint length, array of uint }, array of
//                                   node

#include <cstdint>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "store/manifest.hpp"
#include "store/tree.hpp"

namespace cip::store {

// Who vouches for a feed: those its manifest names, or, without one, the feed key itself.
struct Authority {
  const Bytes32& key;        // of the feed
  const Manifest* manifest;  // nullptr: compat
};

struct TreeHead {
  Bytes32 tree_hash{};
  std::uint64_t length = 0;
  std::uint64_t fork = 0;
};

// The bytes that a signer of a manifest feed signs in the given context, and those of a compat
// feed.
Bytes signable(const TreeHead& head, const Bytes32& context);
Bytes signable_compat(const TreeHead& head);

// Whether the tree with these roots is vouched for. Inside a prologue no signature is needed.
[[nodiscard]] bool verify_tree(const Authority& authority, const RootList& roots,
                               std::uint64_t fork, ByteView signature);

// Whether `key` alone can sign: the feed key of a compat feed, or any signer when the quorum is 1.
bool is_sole_signer(const Authority& authority, const PublicKey& key);
// The signature as stored and sent. `key` must be a sole signer.
Bytes sign_tree(const Authority& authority, const TreeHead& head, const KeyPair& key);

}  // namespace cip::store
