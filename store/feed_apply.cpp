#include <utility>

#include "store/feed_machine.hpp"
#include "store/tree_growth.hpp"

namespace cip::store {

namespace {

bool has_parts(const Proof& proof) {
  return proof.block || proof.hash || proof.seek || proof.upgrade;
}

// The first leaf of a climb, where the way to its top begins.
std::uint64_t climb_start(const Proof& proof) {
  if (proof.block) return 2 * proof.block->index;
  return proof.hash ? proof.hash->index : proof.seek->nodes.front().index;
}

}  // namespace

Ticket Feed::Machine::apply(Proof proof) {
  const auto ticket = ++last_ticket_;
  run(ApplyJob{ticket, std::move(proof), {}, {}});
  return ticket;
}

Ticket Feed::Machine::apply(std::vector<Proof> proofs) {
  const auto first = last_ticket_ + 1;
  auto paths = hash_paths(proofs);
  auto next = paths.begin();
  for (auto& proof : proofs) {
    ApplyJob job{++last_ticket_, std::move(proof), {}, {}};
    if (job.proof.block) job.path = std::move(*next++);
    run(std::move(job));
  }
  return first;
}

void Feed::Machine::run(ApplyJob&& job) {
  if (failure_) return emit(Rejected{job.ticket, *failure_});
  if (is_frozen_) return emit(Rejected{job.ticket, Errc::frozen});
  // What is verified next must stand on a history that is on disk.
  if (is_cutting_) return emit(Rejected{job.ticket, Errc::stale_proof});
  if (may_reorganise(job.proof)) return reorganise(std::move(job));
  if (!allows_forks_ && is_of_later_fork(job.proof)) {
    return emit(Rejected{job.ticket, judge_fork(job.proof)});
  }
  auto verified = verify(job);
  if (!verified) {
    // Requests are made ahead of the answers, so a proof may end at a node that one before it
    // brings (Replicator::levels_to_ask): it is judged once those that wait for the disk have been.
    const auto top = climb_top(job.proof);
    const bool may_lean = applying_ > 0 && !is_overloaded() && top && !is_held(*top);
    if (!may_lean) return emit(Rejected{job.ticket, verified.error()});
    behind_.push_back(std::move(job));
    return;
  }
  if (!verified->read) return accept(std::move(job), std::move(*verified));
  if (is_overloaded()) return emit(Rejected{job.ticket, Errc::overloaded});
  wait_for(std::move(job), {&*verified->read, 1});
}

Result<Feed::Machine::Verification> Feed::Machine::verify(const ApplyJob& job) {
  const auto& proof = job.proof;
  Verification out;
  made_.clear();
  if (proof.fork != fork_ && has_parts(proof)) return fail(Errc::wrong_fork);
  if (auto good = verify_manifest(proof, out); !good) return fail(good.error());
  if (proof.upgrade) {
    if (proof.upgrade->start > kMaxLength || proof.upgrade->length > kMaxLength)
      return fail(Errc::invalid_proof);
    // When another proof was faster, only the block is still of use.
    out.uses_upgrade = proof.upgrade->start + proof.upgrade->length >= roots_.length();
    if (out.uses_upgrade && tip_) return fail(Errc::stale_proof);
  }
  // A proof that does not fit our tree may have been right for the one that it was asked for.
  const bool is_stale =
      proof.upgrade && (!out.uses_upgrade || proof.upgrade->start != roots_.length());
  const auto misfit = is_stale ? Errc::stale_proof : Errc::invalid_proof;

  const WithFetched trusted(*this, job.fetched);
  if (const auto top = climb_top(proof); top && !out.uses_upgrade) {
    if (!is_held(*top)) return fail(misfit);
    if (out.read = node_to_read(proof, trusted, *top); out.read) return out;
  }
  auto climbed =
      climb(proof, out.uses_upgrade ? nullptr : &trusted, made_, job.path ? &*job.path : nullptr);
  if (!climbed) return fail(climbed.error());
  const auto* unproven = climbed->top && !climbed->is_trusted ? &*climbed->top : nullptr;
  if (out.uses_upgrade) {
    auto good = verify_upgrade(proof, unproven, out);
    if (!good) return fail(good.error() == Errc::invalid_proof ? misfit : good.error());
  }
  if (unproven == nullptr) return out;
  if (!is_held(unproven->index)) return fail(misfit);
  const auto* known = trusted.find(unproven->index);
  if (known == nullptr) {
    out.read = unproven->index;
  } else if (known->hash != unproven->hash) {
    return fail(Errc::hash_mismatch);
  }
  return out;
}

Result<void> Feed::Machine::verify_manifest(const Proof& proof, Verification& out) const {
  out.manifest = authority().manifest;
  if (!proof.manifest || manifest_ || compat_) return {};
  if (manifest_key(*proof.manifest) != key_) return fail(Errc::wrong_manifest);
  out.manifest = &*proof.manifest;
  out.learns_manifest = true;
  return {};
}

Result<void> Feed::Machine::verify_upgrade(const Proof& proof, const TreeNode*& unproven,
                                           Verification& out) {
  const auto& upgrade = *proof.upgrade;
  const auto* prologue =
      out.manifest != nullptr && out.manifest->prologue ? &*out.manifest->prologue : nullptr;
  if (prologue != nullptr && upgrade.start < prologue->length &&
      (upgrade.start != 0 || upgrade.length < prologue->length))
    return fail(Errc::invalid_proof);

  out.roots = roots_;
  NodeQueue queue(upgrade.nodes, unproven);
  if (!grow(out.roots, upgrade.start + upgrade.length, queue, upgrade.additional, made_))
    return fail(Errc::invalid_proof);
  if (queue.extra_is_used()) unproven = nullptr;
  // Surplus nodes are harmless, but no honest peer sends any to whom its proof is new.
  if (out.roots.length() > roots_.length() && !queue.is_drained()) return fail(Errc::invalid_proof);
  const bool is_known = out.roots.length() == roots_.length() && upgrade.signature == signature_;
  if (!is_known && !verify_tree({key_, out.manifest}, out.roots, fork_, upgrade.signature))
    return fail(Errc::invalid_signature);
  return {};
}

// When no node between the block and `top` is at hand, `top` must be read. Known before anything is
// hashed, so that a block that must wait is hashed once.
std::optional<std::uint64_t> Feed::Machine::node_to_read(const Proof& proof,
                                                         const NodeSource& trusted,
                                                         std::uint64_t top) const {
  if (trusted.find(top) != nullptr) return std::nullopt;
  if (!proof.seek)
    for (auto at = climb_start(proof); at != top; at = flat::parent(at))
      if (trusted.find(at) != nullptr) return std::nullopt;
  return top;
}

void Feed::Machine::accept(ApplyJob&& job, Verification verified) {
  auto& proof = job.proof;
  Applied applied{job.ticket, {}, false, verified.learns_manifest};
  for (const auto& node : made_) add_node(node);
  if (verified.uses_upgrade) {
    // Only a first upgrade without a manifest shows that a feed is compat.
    if (!manifest_ && !verified.learns_manifest) compat_ = true;
    if (verified.roots.length() > roots_.length()) {
      roots_ = std::move(verified.roots);
      signature_ = std::move(proof.upgrade->signature);
      applied.upgraded = true;
      head_changed_ = true;
      advance_contiguous();
    }
  }
  if (verified.learns_manifest) {
    manifest_ = std::move(*proof.manifest);
    pending_.set_manifest(*manifest_);
  }
  if (proof.block && add_block(proof.block->index, std::move(proof.block->value))) {
    applied.block = proof.block->index;
    if (proof.block->index == contiguous_) advance_contiguous();
  }
  emit(applied);
}

}  // namespace cip::store
