#pragma once

// Climbing from a block, a node or the nodes of a seek towards the trusted tree: step A of
// verifying a proof (feeds.md 8.3).

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "store/node_source.hpp"
#include "store/proof.hpp"

namespace cip::store {

struct Climb {
  // The highest node computed, which is good when the tree holds one of its index and hash; nullopt
  // when the proof has neither block, hash nor seek nodes.
  std::optional<TreeNode> top;
  // A node on the way was found in the trusted tree, so nothing more needs to be compared.
  bool is_trusted = false;
};

// What hashing alone says of a proof's block: its leaf, and the parents above it as far as the
// proof's nodes are siblings on the way up.
struct HashedPath {
  TreeNode leaf;
  std::vector<TreeNode> parents;
};

// The paths of the proofs that have a block, in their order. Many are hashed side by side.
std::vector<HashedPath> hash_paths(std::span<const Proof> proofs);

// The index of the node that climb() ends at; nullopt without block, hash and seek nodes, or when
// the climb would leave the numbers that a tree can have.
std::optional<std::uint64_t> climb_top(const Proof& proof);

// Checks that every node is the sibling that is needed and adds all nodes seen or computed to
// `made`. With `trusted` the climb stops hashing at the first node that is at hand there; what lies
// above is held already, and a difference is a hash_mismatch. Errors: invalid_proof, hash_mismatch.
// `path` is that of the proof's block, where it was hashed already.
Result<Climb> climb(const Proof& proof, const NodeSource* trusted, std::vector<TreeNode>& made,
                    const HashedPath* path = nullptr);

}  // namespace cip::store
