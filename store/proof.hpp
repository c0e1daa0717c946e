#pragma once

// What one asks of a feed's holder, and what lets a stranger check the answer (feeds.md 8 and 9).
// The parts are those of the request and data messages; ids and priorities of these belong to the
// replicator. Encodings of the parts are here, beside each other:
//
//   data parts, in this order        flag
//     block    uint index, buffer value, array of node                                    1
//     hash     uint index, array of node                                                  2
//     seek     uint bytes, array of node                                                  4
//     upgrade  uint start, uint length, array of node, array of additional node,
//              buffer signature (may be empty or missing at the end)                      8
//     manifest                                                                           16
//
//   request parts                    block {uint index, uint nodes} 1, hash {uint index, uint
//   nodes}
//                                    2, seek {uint bytes, uint padding} 4, upgrade {uint start,
//                                    uint length} 8, manifest wanted (no bytes) 16

#include <cstdint>
#include <optional>
#include <vector>

#include "base/boxed.hpp"
#include "base/codec.hpp"
#include "store/manifest.hpp"
#include "store/tree.hpp"

namespace cip::store {

// Most nodes in one list of a proof: 53 levels, or roots, with room to spare.
inline constexpr std::uint64_t kMaxProofNodes = 128;
// Peers refuse to append larger blocks, so that a data message fits into a frame.
inline constexpr std::size_t kMaxBlockSize = 15 << 20;

// The parts stand outside of their wholes, since clang 14 cannot make an optional of a nested type
// with default member values.
struct BlockRequest {
  std::uint64_t index = 0;  // block number
  std::uint64_t nodes = 0;  // levels to climb
  bool operator==(const BlockRequest&) const = default;
};

struct HashRequest {
  std::uint64_t index = 0;  // tree index
  std::uint64_t nodes = 0;
  bool operator==(const HashRequest&) const = default;
};

struct SeekRequest {
  std::uint64_t bytes = 0;
  std::uint64_t padding = 0;  // bytes per block that do not count
  bool operator==(const SeekRequest&) const = default;
};

struct UpgradeRequest {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  bool operator==(const UpgradeRequest&) const = default;
};

struct ProofRequest {
  using Block = BlockRequest;
  using Hash = HashRequest;
  using Seek = SeekRequest;
  using Upgrade = UpgradeRequest;

  std::uint64_t fork = 0;
  std::optional<Block> block;
  std::optional<Hash> hash;
  std::optional<Seek> seek;
  std::optional<Upgrade> upgrade;
  bool manifest = false;  // wanted with the answer

  bool operator==(const ProofRequest&) const = default;
};

struct BlockPart {
  std::uint64_t index = 0;
  Bytes value;
  std::vector<TreeNode> nodes;
  bool operator==(const BlockPart&) const = default;
};

struct HashPart {
  std::uint64_t index = 0;  // tree index
  std::vector<TreeNode> nodes;
  bool operator==(const HashPart&) const = default;
};

struct SeekPart {
  std::uint64_t bytes = 0;
  std::vector<TreeNode> nodes;
  bool operator==(const SeekPart&) const = default;
};

struct UpgradePart {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  std::vector<TreeNode> nodes;
  std::vector<TreeNode> additional;
  Bytes signature;  // as feeds.md 7 encodes it; empty inside a prologue
  bool operator==(const UpgradePart&) const = default;
};

struct Proof {
  using Block = BlockPart;
  using Hash = HashPart;
  using Seek = SeekPart;
  using Upgrade = UpgradePart;

  std::uint64_t fork = 0;
  // Most proofs are of a block alone, and many are moved about.
  std::optional<Block> block;
  Boxed<Hash> hash;
  Boxed<Seek> seek;
  Boxed<Upgrade> upgrade;
  Boxed<Manifest> manifest;

  bool operator==(const Proof&) const = default;
};

// The flags of a message that carries these parts.
std::uint64_t part_flags(const Proof& proof);
std::uint64_t part_flags(const ProofRequest& request);

// Writes the parts, without flags, id and fork.
void encode_parts(Writer& out, const Proof& proof);
void encode_parts(Writer& out, const ProofRequest& request);
// Reads the parts that `flags` announces into a value whose fork the caller sets. False when the
// input is malformed; the reader has failed then. Lists above kMaxProofNodes are malformed.
[[nodiscard]] bool decode_parts(Reader& in, std::uint64_t flags, Proof& proof);
[[nodiscard]] bool decode_parts(Reader& in, std::uint64_t flags, ProofRequest& request);

}  // namespace cip::store
