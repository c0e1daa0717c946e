#include "store/climb.hpp"

#include <algorithm>

#include "store/errors.hpp"
#include "store/tree_growth.hpp"

namespace cip::store {
namespace {

// Above this a parent's index would not be a number that peers can represent.
constexpr unsigned kMaxDepth = 52;
constexpr std::uint64_t kMaxIndex = 2 * kMaxLength;

class Climber {
 public:
  Climber(const Proof& proof, const NodeSource* trusted, std::vector<TreeNode>& made,
          const HashedPath* path)
      : proof_(proof), trusted_(proof.seek ? nullptr : trusted), made_(made), path_(path) {}

  Result<Climb> run() {
    if (proof_.block && proof_.hash) return fail(Errc::invalid_proof);
    if (!climb_seek()) return fail(Errc::invalid_proof);
    if (!proof_.block && !proof_.hash) return Climb{at_, false};
    const auto from_seek = at_;
    NodeQueue queue(proof_.block ? proof_.block->nodes : proof_.hash->nodes,
                    from_seek ? &*from_seek : nullptr);
    if (!start(queue)) return fail(Errc::invalid_proof);
    if (auto found = compare(); !found) return tl::unexpected(found.error());
    while (!queue.is_empty()) {
      const auto* next = queue.take(flat::sibling(at_->index));
      if (next == nullptr || flat::depth(at_->index) >= kMaxDepth) return fail(Errc::invalid_proof);
      step(*next);
      if (auto found = compare(); !found) return tl::unexpected(found.error());
    }
    return Climb{at_, is_trusted_};
  }

 private:
  bool climb_seek() {
    if (!proof_.seek || proof_.seek->nodes.empty()) return true;
    for (const auto& node : proof_.seek->nodes) {
      if (node.index > kMaxIndex || node.size > kMaxSafeUint) return false;
      if (!at_) {
        at_ = node;
        made_.push_back(node);
        continue;
      }
      if (node.index != flat::sibling(at_->index) || flat::depth(node.index) >= kMaxDepth)
        return false;
      step(node);
    }
    return true;
  }

  bool start(NodeQueue& queue) {
    if (proof_.block) {
      if (proof_.block->index >= kMaxLength) return false;
      at_ = path_ != nullptr ? path_->leaf : leaf_node(proof_.block->index, proof_.block->value);
    } else {
      const auto* first = queue.take(proof_.hash->index);
      if (first == nullptr || first->index > kMaxIndex) return false;
      at_ = *first;
    }
    made_.push_back(*at_);
    return true;
  }

  void step(const TreeNode& sibling) {
    if (is_trusted_) {  // nothing to learn any more: only the shape is checked
      at_->index = flat::parent(at_->index);
      return;
    }
    const bool is_hashed = path_ != nullptr && steps_ < path_->parents.size();
    const auto parent = is_hashed ? path_->parents[steps_++] : parent_node(*at_, sibling);
    made_.push_back(sibling);
    made_.push_back(parent);
    at_ = parent;
  }

  Result<void> compare() {
    if (trusted_ == nullptr || is_trusted_) return {};
    const auto* known = trusted_->find(at_->index);
    if (known == nullptr) return {};
    if (known->hash != at_->hash) return fail(Errc::hash_mismatch);
    is_trusted_ = true;
    return {};
  }

  const Proof& proof_;
  const NodeSource* trusted_;  // none with a seek: its nodes must be reached before one may stop
  std::vector<TreeNode>& made_;
  const HashedPath* path_;
  std::size_t steps_ = 0;  // of the path
  std::optional<TreeNode> at_;
  bool is_trusted_ = false;
};

// Whether the next node of the proof is the sibling of the path's end.
bool goes_on(const HashedPath& path, const Proof& proof) {
  if (proof.seek) return false;  // a node of the seek stands in for one that is listed
  const auto& nodes = proof.block->nodes;
  const auto steps = path.parents.size();
  const auto top = steps == 0 ? path.leaf.index : path.parents.back().index;
  return steps < nodes.size() && flat::depth(top) < kMaxDepth &&
         nodes[steps].index == flat::sibling(top);
}

}  // namespace

std::vector<HashedPath> hash_paths(std::span<const Proof> proofs) {
  std::vector<Leaf> leaves;
  leaves.reserve(proofs.size());
  for (const auto& proof : proofs)
    if (proof.block) leaves.push_back({proof.block->index, proof.block->value});
  std::vector<HashedPath> out;
  out.reserve(leaves.size());
  for (auto& leaf : leaf_nodes(leaves)) out.push_back({std::move(leaf), {}});

  struct Way {
    HashedPath* path;
    const Proof* proof;
  };
  std::vector<Way> ways;
  ways.reserve(out.size());
  for (auto next = out.data(); const auto& proof : proofs) {
    if (!proof.block) continue;
    next->parents.reserve(std::min<std::size_t>(proof.block->nodes.size(), kMaxDepth));
    ways.push_back({next++, &proof});
  }
  // Level by level, until no path has a sibling left.
  std::vector<Siblings> pairs;
  pairs.reserve(ways.size());
  while (true) {
    std::erase_if(ways, [](const Way& way) { return !goes_on(*way.path, *way.proof); });
    if (ways.empty()) return out;
    pairs.clear();
    for (const auto& [path, proof] : ways) {
      const auto steps = path->parents.size();
      pairs.push_back({steps == 0 ? path->leaf : path->parents.back(), proof->block->nodes[steps]});
    }
    auto parents = parent_nodes(pairs);
    for (std::size_t i = 0; i < ways.size(); ++i) ways[i].path->parents.push_back(parents[i]);
  }
}

std::optional<std::uint64_t> climb_top(const Proof& proof) {
  std::uint64_t at = 0;
  std::size_t levels = 0;
  if (proof.block) {
    at = 2 * std::min(proof.block->index, kMaxLength);
    levels = proof.block->nodes.size();
  } else if (proof.hash) {
    at = std::min(proof.hash->index, kMaxIndex);
    levels = proof.hash->nodes.size();
  }
  if (proof.seek && !proof.seek->nodes.empty()) {
    // Seek nodes join below one of the siblings, in place of one listed node.
    if (!proof.block && !proof.hash) at = std::min(proof.seek->nodes.front().index, kMaxIndex);
    levels = proof.block || proof.hash ? levels + 1 : proof.seek->nodes.size();
  } else if (!proof.block && !proof.hash) {
    return std::nullopt;
  }
  // The first node of a hash or seek list is where the climb starts, not a step of it.
  if (!proof.block && levels > 0) --levels;
  if (levels + flat::depth(at) > kMaxDepth) return std::nullopt;
  for (; levels > 0; --levels) at = flat::parent(at);
  return at;
}

Result<Climb> climb(const Proof& proof, const NodeSource* trusted, std::vector<TreeNode>& made,
                    const HashedPath* path) {
  return Climber(proof, trusted, made, path).run();
}

}  // namespace cip::store
