#include <algorithm>
#include <utility>

#include "store/climb.hpp"
#include "store/feed_machine.hpp"
#include "store/tree_growth.hpp"

namespace cip::store {

// --- Own truncation ------------------------------------------------------------------------------

Result<void> Feed::Machine::truncate(std::uint64_t length, const KeyPair& key) {
  if (failure_) return fail(*failure_);
  if (is_frozen_) return fail(Errc::frozen);
  if (!is_writer(key.public_key)) return fail(Errc::not_writer);
  if (tip_ || is_cutting_ || is_overloaded()) return fail(Errc::overloaded);
  const auto least = manifest_ && manifest_->prologue ? manifest_->prologue->length : 0;
  if (length > roots_.length() || length < least) return fail(Errc::out_of_range);
  if (!has_roots_of(length)) return fail(Errc::not_available);
  is_cutting_ = true;
  run(CutJob{length, key, {}});
  return {};
}

void Feed::Machine::run(CutJob&& job) {
  const WithFetched source(*this, job.fetched);
  std::vector<TreeNode> nodes;
  std::vector<std::uint64_t> missing;
  for (const auto root : flat::Roots(job.length)) {
    const auto* node = source.find(root);
    if (node == nullptr) {
      missing.push_back(root);
    } else {
      nodes.push_back(*node);
    }
  }
  if (!missing.empty()) return wait_for(std::move(job), missing);
  auto roots = *RootList::from_nodes(std::move(nodes));
  const auto fork = fork_ + 1;
  auto signature = sign_tree(authority(), {roots.hash(), roots.length(), fork}, job.key);
  made_.clear();
  replace_history(job.length, std::move(roots), fork, std::move(signature));
}

// --- Following a writer who truncated (feeds.md 8.4) ---------------------------------------------

bool Feed::Machine::may_reorganise(const Proof& proof) const {
  return allows_forks_ && is_of_later_fork(proof) && !tip_;
}

bool Feed::Machine::is_of_later_fork(const Proof& proof) const {
  return proof.fork > fork_ && proof.upgrade && proof.upgrade->start == 0;
}

// Of a history that may not replace ours: whether its writer signed it.
std::error_code Feed::Machine::judge_fork(const Proof& proof) {
  Verification known;
  const bool is_signed = verify_manifest(proof, known) && verify_fork(proof, known.manifest);
  return is_signed ? Errc::later_fork : Errc::wrong_fork;
}

Result<RootList> Feed::Machine::verify_fork(const Proof& proof, const Manifest* manifest) {
  made_.clear();
  const auto climbed = climb(proof, nullptr, made_);
  if (!climbed) return fail(climbed.error());
  RootList roots;
  NodeQueue queue(proof.upgrade->nodes, climbed->top ? &*climbed->top : nullptr);
  if (!grow(roots, proof.upgrade->length, queue, proof.upgrade->additional, made_) ||
      !queue.is_empty())
    return fail(Errc::invalid_proof);
  if (!verify_tree({key_, manifest}, roots, proof.fork, proof.upgrade->signature))
    return fail(Errc::invalid_signature);
  return roots;
}

// Keeps what lies before the first root that differs from ours, which is the simple reader of the
// protocol: blocks after it are fetched again even where they are the same.
void Feed::Machine::reorganise(ApplyJob&& job) {
  // The first history that a reader meets may be a later one already.
  Verification known;
  if (auto good = verify_manifest(job.proof, known); !good)
    return emit(Rejected{job.ticket, good.error()});
  auto roots = verify_fork(job.proof, known.manifest);
  if (!roots) return emit(Rejected{job.ticket, roots.error()});
  const WithFetched source(*this, job.fetched);
  auto common = std::min(roots->length(), roots_.length());
  for (const auto& root : roots->nodes()) {
    const auto* ours = source.find(root.index);
    if (ours == nullptr && is_held(root.index)) {
      if (is_overloaded()) return emit(Rejected{job.ticket, Errc::overloaded});
      const auto missing = root.index;
      return wait_for(std::move(job), {&missing, 1});
    }
    if (ours != nullptr && ours->hash == root.hash) continue;
    common = std::min(common, flat::left_span(root.index) / 2);
    break;
  }
  auto& proof = job.proof;
  replace_history(common, std::move(*roots), proof.fork, std::move(proof.upgrade->signature));
  Applied applied{job.ticket, {}, true, known.learns_manifest};
  if (known.learns_manifest) {
    manifest_ = std::move(*proof.manifest);
    pending_.set_manifest(*manifest_);
  }
  compat_ = !manifest_;
  if (proof.block && add_block(proof.block->index, std::move(proof.block->value))) {
    applied.block = proof.block->index;
    advance_contiguous();
  }
  emit(applied);
}

// `made_` holds the nodes of the new history.
void Feed::Machine::replace_history(std::uint64_t common, RootList roots, std::uint64_t fork,
                                    Bytes signature) {
  constexpr auto kNoEnd = ~std::uint64_t{0};
  blocks_.clear_range(common, kNoEnd);
  nodes_.clear_range(flat::node_count(common), kNoEnd);
  pending_.truncate(common);
  cache_.clear();
  if (!gathering_.waiters.empty()) full_.push_back(std::exchange(gathering_, {}));
  ++era_;
  for (auto& kept : kept_) kept = std::min(kept, common);
  kept_.push_back(kNoEnd);
  if (kept_.size() > kMaxHistories) kept_.pop_front();
  for (const auto& node : made_) add_node(node);
  roots_ = std::move(roots);
  fork_ = fork;
  signature_ = std::move(signature);
  contiguous_ = std::min(contiguous_, common);
  advance_contiguous();
  for (const auto& root : roots_.nodes()) cache_.put(root);
  head_changed_ = true;
  is_cutting_ = true;
  cut_ = Truncated{common, roots_.length(), fork_};
}

}  // namespace cip::store
