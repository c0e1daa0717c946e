#include "store/proof_plan.hpp"

#include <algorithm>
#include <utility>

#include "store/errors.hpp"

namespace cip::store {
namespace {

// Locates byte offsets. A size that is not at hand stops the search and is named in missing().
class Seeker {
 public:
  Seeker(const NodeSource& nodes, std::uint64_t padding) : nodes_(nodes), padding_(padding) {}

  const std::optional<std::uint64_t>& missing() const { return missing_; }

  // The node for byte `offset` in a tree of `length` blocks; nullopt when it lies beyond.
  std::optional<std::uint64_t> in_tree(std::uint64_t offset, std::uint64_t length) {
    for (const auto root : flat::Roots(length)) {
      const auto size = size_of(root);
      if (missing_) return std::nullopt;
      if (offset == size) return root;
      if (offset < size) return below(offset, root);
      offset -= size;
    }
    return std::nullopt;
  }

  // The node for byte `offset` of the feed, which must lie below `top`.
  std::optional<std::uint64_t> under(std::uint64_t offset, std::uint64_t top,
                                     std::uint64_t length) {
    const auto start = offset_of(top, length);
    if (missing_ || start > offset) return std::nullopt;
    if (start == offset) return top;
    const auto size = size_of(top);
    if (missing_ || size <= offset - start) return std::nullopt;
    return below(offset - start, top);
  }

 private:
  std::uint64_t size_of(std::uint64_t index) {
    const auto* node = nodes_.find(index);
    if (node == nullptr) {
      missing_ = index;
      return 0;
    }
    const auto padding = padding_ > 0 ? padding_ * flat::leaf_count(index) : 0;
    return node->size > padding ? node->size - padding : 0;
  }

  // Bytes before a node.
  std::uint64_t offset_of(std::uint64_t index, std::uint64_t length) {
    std::uint64_t sum = 0;
    for (const auto root : flat::Roots(length)) {
      if (!flat::contains(root, index)) {
        sum += size_of(root);
        if (missing_) return 0;
        continue;
      }
      for (auto at = root; at != index;) {
        const auto left = flat::left_child(at);
        if (index < at) {
          at = left;
          continue;
        }
        sum += size_of(left);
        if (missing_) return 0;
        at = flat::right_child(at);
      }
      break;
    }
    return sum;
  }

  std::uint64_t below(std::uint64_t offset, std::uint64_t at) {
    while (offset > 0 && flat::depth(at) > 0) {
      const auto left = flat::left_child(at);
      if (!nodes_.is_held(left)) return at;
      const auto size = size_of(left);
      if (missing_) return at;
      if (size == offset) return left;
      if (offset > size) {
        offset -= size;
        at = flat::right_child(at);
      } else {
        at = left;
      }
    }
    return at;
  }

  const NodeSource& nodes_;
  std::uint64_t padding_;
  std::optional<std::uint64_t> missing_;
};

class Planner {
 public:
  Planner(const ProofRequest& request, std::uint64_t length, const NodeSource& nodes)
      : request_(request),
        nodes_(nodes),
        head_(2 * length),
        seeker_(nodes, request.seek ? request.seek->padding : 0) {}

  Result<ProofPlan> run() {
    if (!check_ranges()) return fail(Errc::invalid_request);
    const bool done = plan_parts();
    if (seeker_.missing()) {
      if (!nodes_.is_held(*seeker_.missing())) return fail(Errc::not_available);
      ProofPlan plan;
      plan.missing_size = seeker_.missing();
      return plan;
    }
    if (!done) return fail(Errc::invalid_request);
    return finish();
  }

 private:
  bool check_ranges() {
    const auto& upgrade = request_.upgrade;
    if (upgrade && (upgrade->start > kMaxLength || upgrade->length > kMaxLength)) return false;
    from_ = upgrade ? 2 * upgrade->start : 0;
    to_ = upgrade ? from_ + 2 * upgrade->length : head_;
    if (from_ >= to_ || to_ > head_) return false;
    if (request_.block && request_.hash) return false;
    if (request_.hash && request_.hash->index > 2 * kMaxLength) return false;
    if (request_.seek && request_.seek->padding > kMaxBlockSize) return false;
    if (request_.block) start_ = 2 * std::min(request_.block->index, kMaxLength);
    if (request_.hash) start_ = request_.hash->index;
    if (start_ && flat::right_span(*start_) >= to_) return false;
    return true;
  }

  bool plan_parts() {
    const bool before = start_ && (!request_.upgrade || flat::right_span(*start_) < from_);
    if (before) {
      if (!plan_climb()) return false;
    } else if (request_.upgrade && start_) {
      if (request_.seek) return false;
      attached_ = start_;
    } else if (request_.upgrade && request_.seek) {
      attached_ = seeker_.in_tree(request_.seek->bytes, to_ / 2);
      if (seeker_.missing()) return false;
    } else {
      return request_.upgrade.has_value();
    }
    return true;
  }

  // A part below the trusted tree: up to the ancestor that the reader holds.
  bool plan_climb() {
    const auto levels = request_.block ? request_.block->nodes : request_.hash->nodes;
    auto top = *start_;
    for (std::uint64_t i = 0; i < levels; ++i) {
      top = flat::parent(top);
      if (flat::right_span(top) >= to_) return false;
    }
    std::optional<std::uint64_t> sought;
    if (request_.seek) {
      sought = seeker_.under(request_.seek->bytes, top, head_ / 2);
      if (!sought) return false;
    }
    parts_ = climb_list(*start_, top, sought);
    return true;
  }

  // Siblings on the way from the block or hash up to `top`; the one above `sought` becomes the seek
  // part instead.
  std::vector<TreeNode> climb_list(std::uint64_t at, std::uint64_t top,
                                   std::optional<std::uint64_t> sought) {
    std::vector<TreeNode> out;
    out.reserve(flat::depth(top) - flat::depth(at) + (request_.block ? 0 : 1));
    if (!request_.block) out.push_back({at});
    for (; at != top; at = flat::parent(at)) {
      const auto other = flat::sibling(at);
      if (sought && other != *sought && flat::contains(other, *sought)) {
        seek_ = seek_list(*sought, other);
      } else {
        out.push_back({other});
      }
    }
    return out;
  }

  static std::vector<TreeNode> seek_list(std::uint64_t at, std::uint64_t top) {
    std::vector<TreeNode> out{{at}};
    for (; at != top; at = flat::parent(at)) out.push_back({flat::sibling(at)});
    return out;
  }

  // Puts a node into the upgrade, or, when it stands above the attached part, that part's climb.
  void emit(std::uint64_t index, std::vector<TreeNode>& out) {
    if (!attached_ || !flat::contains(index, *attached_)) {
      out.push_back({index});
    } else if (start_) {
      parts_ = climb_list(*attached_, index, {});
      attached_.reset();
    } else {
      seek_ = seek_list(*attached_, index);
      attached_.reset();
    }
  }

  // What a reader of the tree that ends at `from` needs to grow it to `to`.
  std::vector<TreeNode> growth(std::uint64_t from, std::uint64_t to) {
    std::vector<TreeNode> out;
    bool connected = from == 0;
    for (const auto root : flat::Roots(to / 2)) {
      if (flat::right_span(root) < from) continue;
      if (!connected && flat::contains(root, from - 2)) {
        for (auto at = from - 2; at != root; at = flat::parent(at)) {
          if (flat::sibling(at) > at) emit(flat::sibling(at), out);
        }
      } else {
        emit(root, out);
      }
      connected = true;
    }
    return out;
  }

  Result<ProofPlan> finish() {
    ProofPlan plan;
    auto& proof = plan.proof;
    proof.fork = request_.fork;
    if (request_.upgrade) {
      auto& upgrade = proof.upgrade.emplace();
      upgrade.start = request_.upgrade->start;
      upgrade.length = request_.upgrade->length;
      upgrade.nodes = growth(from_, to_);
      // The block lies across the start, or the hash above it: no list can hold it.
      if (attached_ && start_) return fail(Errc::invalid_request);
      attached_.reset();
      if (head_ > to_) upgrade.additional = growth(to_, head_);
    }
    if (request_.block) proof.block = Proof::Block{request_.block->index, {}, std::move(parts_)};
    if (request_.hash) proof.hash = Proof::Hash{request_.hash->index, std::move(parts_)};
    // An offset at a node that is in the proof anyway needs no nodes of its own.
    if (request_.seek && !seek_.empty())
      proof.seek = Proof::Seek{request_.seek->bytes, std::move(seek_)};
    return plan;
  }

  const ProofRequest& request_;
  const NodeSource& nodes_;
  std::uint64_t head_;
  std::uint64_t from_ = 0;
  std::uint64_t to_ = 0;
  Seeker seeker_;
  std::optional<std::uint64_t> start_;     // leaf or node that is asked for
  std::optional<std::uint64_t> attached_;  // to the upgrade, until it has found its place
  std::vector<TreeNode> parts_;
  std::vector<TreeNode> seek_;
};

}  // namespace

Result<ProofPlan> plan_proof(const ProofRequest& request, std::uint64_t length,
                             const NodeSource& nodes) {
  return Planner(request, length, nodes).run();
}

}  // namespace cip::store
