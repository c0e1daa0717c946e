#include "store/proof.hpp"

namespace cip::store {
namespace {

constexpr std::uint64_t kBlock = 1;
constexpr std::uint64_t kHash = 2;
constexpr std::uint64_t kSeek = 4;
constexpr std::uint64_t kUpgrade = 8;
constexpr std::uint64_t kManifest = 16;

template <typename T>
std::uint64_t common_flags(const T& parts) {
  return (parts.block ? kBlock : 0u) | (parts.hash ? kHash : 0u) | (parts.seek ? kSeek : 0u) |
         (parts.upgrade ? kUpgrade : 0u) | (parts.manifest ? kManifest : 0u);
}

void encode_nodes(Writer& out, const std::vector<TreeNode>& nodes) {
  out.uint(nodes.size());
  for (const auto& node : nodes) encode_node(out, node);
}

std::vector<TreeNode> decode_nodes(Reader& in) {
  std::vector<TreeNode> nodes(in.count(kMinNodeSize, kMaxProofNodes));
  for (auto& node : nodes) node = decode_node(in);
  return nodes;
}

}  // namespace

std::uint64_t part_flags(const Proof& proof) { return common_flags(proof); }
std::uint64_t part_flags(const ProofRequest& request) { return common_flags(request); }

void encode_parts(Writer& out, const Proof& proof) {
  if (proof.block) {
    out.uint(proof.block->index);
    out.buffer(proof.block->value);
    encode_nodes(out, proof.block->nodes);
  }
  if (proof.hash) {
    out.uint(proof.hash->index);
    encode_nodes(out, proof.hash->nodes);
  }
  if (proof.seek) {
    out.uint(proof.seek->bytes);
    encode_nodes(out, proof.seek->nodes);
  }
  if (proof.upgrade) {
    out.uint(proof.upgrade->start);
    out.uint(proof.upgrade->length);
    encode_nodes(out, proof.upgrade->nodes);
    encode_nodes(out, proof.upgrade->additional);
    out.buffer(proof.upgrade->signature);
  }
  if (proof.manifest) encode_manifest(out, *proof.manifest);
}

void encode_parts(Writer& out, const ProofRequest& request) {
  if (request.block) {
    out.uint(request.block->index);
    out.uint(request.block->nodes);
  }
  if (request.hash) {
    out.uint(request.hash->index);
    out.uint(request.hash->nodes);
  }
  if (request.seek) {
    out.uint(request.seek->bytes);
    out.uint(request.seek->padding);
  }
  if (request.upgrade) {
    out.uint(request.upgrade->start);
    out.uint(request.upgrade->length);
  }
}

bool decode_parts(Reader& in, std::uint64_t flags, Proof& proof) {
  if ((flags & kBlock) != 0) {
    auto& block = proof.block.emplace();
    block.index = in.uint();
    block.value = to_bytes(in.buffer());
    block.nodes = decode_nodes(in);
  }
  if ((flags & kHash) != 0) {
    auto& hash = proof.hash.emplace();
    hash.index = in.uint();
    hash.nodes = decode_nodes(in);
  }
  if ((flags & kSeek) != 0) {
    auto& seek = proof.seek.emplace();
    seek.bytes = in.uint();
    seek.nodes = decode_nodes(in);
  }
  if ((flags & kUpgrade) != 0) {
    auto& upgrade = proof.upgrade.emplace();
    upgrade.start = in.uint();
    upgrade.length = in.uint();
    upgrade.nodes = decode_nodes(in);
    upgrade.additional = decode_nodes(in);
    // Inside a prologue older peers end the message here.
    if (in.remaining() > 0) upgrade.signature = to_bytes(in.buffer());
  }
  if ((flags & kManifest) != 0) {
    auto manifest = decode_manifest(in);
    if (!manifest) {
      in.fail();
      return false;
    }
    proof.manifest = std::move(*manifest);
  }
  return in.ok();
}

bool decode_parts(Reader& in, std::uint64_t flags, ProofRequest& request) {
  if ((flags & kBlock) != 0) {
    auto& block = request.block.emplace();
    block.index = in.uint();
    block.nodes = in.uint();
  }
  if ((flags & kHash) != 0) {
    auto& hash = request.hash.emplace();
    hash.index = in.uint();
    hash.nodes = in.uint();
  }
  if ((flags & kSeek) != 0) {
    auto& seek = request.seek.emplace();
    seek.bytes = in.uint();
    seek.padding = in.uint();
  }
  if ((flags & kUpgrade) != 0) {
    auto& upgrade = request.upgrade.emplace();
    upgrade.start = in.uint();
    upgrade.length = in.uint();
  }
  request.manifest = (flags & kManifest) != 0;
  return in.ok();
}

}  // namespace cip::store
