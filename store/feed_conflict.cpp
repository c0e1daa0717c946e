#include <utility>

#include "store/climb.hpp"
#include "store/feed_machine.hpp"
#include "store/tree_growth.hpp"

namespace cip::store {

Ticket Feed::Machine::check_conflict(Proof proof) {
  const auto ticket = ++last_ticket_;
  run(ConflictJob{ticket, std::move(proof), {}});
  return ticket;
}

// A second history is two trees of one length that are both signed. The proof shows the peer's
// tree: first as long as its upgrade says, where it is compared with ours, then at its full length,
// where it is signed.
void Feed::Machine::run(ConflictJob&& job) {
  const auto& proof = job.proof;
  const auto answer = [&](bool conflict) { emit(ConflictChecked{job.ticket, conflict}); };
  const auto length = proof.upgrade ? proof.upgrade->length : 0;
  if (!proof.upgrade || proof.upgrade->start != 0 || length == 0 || proof.fork != fork_ ||
      !has_roots_of(length) || (!manifest_ && !compat_))
    return answer(false);

  made_.clear();
  const auto climbed = climb(proof, nullptr, made_);
  if (!climbed) return answer(false);
  RootList theirs;
  NodeQueue queue(proof.upgrade->nodes, climbed->top ? &*climbed->top : nullptr);
  if (!grow(theirs, length, queue, {}, made_)) return answer(false);
  const auto shared = theirs.hash();
  NodeQueue none(std::span<const TreeNode>{});
  if (!grow(theirs, length, none, proof.upgrade->additional, made_) ||
      !verify_tree(authority(), theirs, fork_, proof.upgrade->signature))
    return answer(false);

  const WithFetched source(*this, job.fetched);
  std::vector<TreeNode> ours;
  std::vector<std::uint64_t> missing;
  for (const auto root : flat::Roots(length)) {
    const auto* node = source.find(root);
    if (node == nullptr) {
      missing.push_back(root);
    } else {
      ours.push_back(*node);
    }
  }
  if (!missing.empty()) {
    if (is_overloaded()) return answer(false);
    return wait_for(std::move(job), missing);
  }
  const auto our_hash = store::tree_hash(ours);
  if (our_hash == shared) return answer(false);
  if (!std::exchange(is_frozen_, true)) {
    equivocation_ =
        Equivocation{length,
                     our_hash,
                     shared,
                     {roots_.length(), fork_, roots_.nodes(), signature_},
                     {theirs.length(), fork_, theirs.nodes(), proof.upgrade->signature}};
    pending_.set_equivocation(*equivocation_);
    head_changed_ = true;
  }
  answer(true);
}

}  // namespace cip::store
