#pragma once

// Which nodes a proof consists of (feeds.md 8.2; peer implementation: npm hypercore,
// lib/merkle-tree.js). Planning needs sizes only where a byte offset must be located.

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "store/node_source.hpp"
#include "store/proof.hpp"

namespace cip::store {

struct ProofPlan {
  // The proof with the index of every node, but not their sizes and hashes, without the block's
  // value, signature and manifest.
  Proof proof;
  // Set: a byte offset cannot be located before this node is read. Plan again then.
  std::optional<std::uint64_t> missing_size;
};

// For a tree of `length` blocks. Error: invalid_request.
Result<ProofPlan> plan_proof(const ProofRequest& request, std::uint64_t length,
                             const NodeSource& nodes);

}  // namespace cip::store
