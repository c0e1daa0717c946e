#include <utility>

#include "base/assert.hpp"
#include "store/feed_machine.hpp"
#include "store/proof_plan.hpp"

namespace cip::store {
namespace {

// Marks a node of a planned proof that is not known yet.
constexpr std::uint64_t kUnfilled = ~std::uint64_t{0};

template <typename F>
void for_each_node(Proof& proof, F f) {
  const auto visit = [&](std::vector<TreeNode>& nodes) {
    for (auto& node : nodes) f(node);
  };
  if (proof.block) visit(proof.block->nodes);
  if (proof.hash) visit(proof.hash->nodes);
  if (proof.seek) visit(proof.seek->nodes);
  if (!proof.upgrade) return;
  visit(proof.upgrade->nodes);
  visit(proof.upgrade->additional);
}

}  // namespace

Result<std::vector<TreeNode>> held_nodes(const StoreResult& part) {
  if (!part) return fail(part.error());
  std::vector<TreeNode> out;
  out.reserve(part->nodes.size());
  for (const auto& node : part->nodes) {
    if (!node) return fail(Errc::not_available);
    out.push_back(*node);
  }
  return out;
}

Ticket Feed::Machine::prove(const ProofRequest& request) {
  const auto ticket = ++last_ticket_;
  run(ProveJob{ticket, request, {}, {}, false});
  return ticket;
}

Ticket Feed::Machine::read(std::uint64_t index, std::optional<Snapshot> snapshot) {
  const auto ticket = ++last_ticket_;
  run(ReadJob{ticket, index, std::move(snapshot), false});
  return ticket;
}

// Why a block is not read; nullopt: it is.
std::optional<std::error_code> Feed::Machine::refusal(const ReadJob& job) const {
  if (failure_) return Errc::store_failed;
  if (job.snapshot) {
    if (job.index >= job.snapshot->length) return Errc::out_of_range;
    const auto age = era_ - job.snapshot->history;
    if (age >= kept_.size()) return Errc::rewritten;
    if (job.index >= kept_[kept_.size() - 1 - static_cast<std::size_t>(age)])
      return Errc::rewritten;
  }
  if (job.index >= roots_.length()) return Errc::out_of_range;
  if (!has(job.index)) return Errc::not_available;
  return std::nullopt;
}

void Feed::Machine::run(ReadJob&& job) {
  const auto refuse = [&](std::error_code reason) {
    emit(BlockRead{job.ticket, job.index, fail(reason)});
  };
  if (const auto refused = refusal(job)) return refuse(*refused);
  if (const auto* block = find_block(job.index))
    return emit(BlockRead{job.ticket, job.index, *block});
  if (is_overloaded()) return refuse(Errc::overloaded);
  const auto index = job.index;
  wait_for(std::move(job), {}, {&index, 1});
}

// Why a request is answered without looking at the tree; nullopt: it is not.
std::optional<std::error_code> Feed::Machine::refusal(const ProofRequest& request) const {
  if (failure_) return Errc::store_failed;
  if (!request.block && !request.hash && !request.seek && !request.upgrade)
    return Errc::invalid_request;
  if (request.fork != fork_ || roots_.empty() || is_cutting_) return Errc::not_available;
  if (request.block && !has(request.block->index)) return Errc::not_available;
  return std::nullopt;
}

void Feed::Machine::run(ProveJob&& job) {
  if (const auto refused = refusal(job.request)) {
    // The manifest alone is worth an answer to whoever cannot verify anything yet.
    if (*refused == Errc::store_failed || !job.request.manifest || !manifest_)
      return emit(ProofReady{job.ticket, fail(*refused)});
    Proof proof;
    proof.fork = fork_;
    proof.manifest = manifest_;
    return emit(ProofReady{job.ticket, std::move(proof)});
  }
  auto plan = plan_proof(job.request, roots_.length(), WithFetched(*this, job.fetched));
  if (!plan) return emit(ProofReady{job.ticket, fail(plan.error())});
  if (plan->missing_size) {
    if (is_overloaded()) return emit(ProofReady{job.ticket, fail(Errc::overloaded)});
    return wait_for(std::move(job), {&*plan->missing_size, 1});
  }
  job.proof = std::move(plan->proof);
  job.is_planned = true;
  if (job.proof.upgrade) job.proof.upgrade->signature = signature_;
  if (job.request.manifest) job.proof.manifest = manifest_;
  fill(std::move(job));
}

// Completes a planned proof from memory, or asks for the rest.
void Feed::Machine::fill(ProveJob&& job) {
  const WithFetched source(*this, job.fetched);
  auto& missing = missing_;
  missing.clear();
  bool all_held = true;
  for_each_node(job.proof, [&](TreeNode& node) {
    if (const auto* known = source.find(node.index)) {
      node = *known;
    } else {
      all_held = all_held && is_held(node.index);
      node.size = kUnfilled;
      missing.push_back(node.index);
    }
  });
  if (!all_held) return emit(ProofReady{job.ticket, fail(Errc::not_available)});
  std::optional<std::uint64_t> block;
  if (job.proof.block) {
    if (const auto* value = find_block(job.proof.block->index)) {
      job.proof.block->value = *value;
    } else {
      block = job.proof.block->index;
    }
  }
  if (missing.empty() && !block) return emit(ProofReady{job.ticket, std::move(job.proof)});
  if (is_overloaded()) return emit(ProofReady{job.ticket, fail(Errc::overloaded)});
  if (!block) return wait_for(std::move(job), missing);
  wait_for(std::move(job), missing, {&*block, 1});
}

void Feed::Machine::resume(Job&& waiting, StoreResult part) {
  std::visit([&](auto& job) { resume_job(std::move(job), std::move(part)); }, waiting);
}

void Feed::Machine::resume_job(ProveJob&& job, StoreResult part) {
  if (!job.is_planned) {
    const auto nodes = held_nodes(part);
    if (!nodes) return emit(ProofReady{job.ticket, fail(nodes.error())});
    job.fetched.insert(job.fetched.end(), nodes->begin(), nodes->end());
    return run(std::move(job));
  }
  if (!part) return emit(ProofReady{job.ticket, fail(part.error())});
  auto next = part->nodes.begin();
  bool all_read = true;
  for_each_node(job.proof, [&](TreeNode& node) {
    if (node.size != kUnfilled) return;
    CIP_ASSERT(next != part->nodes.end());
    all_read = all_read && next->has_value();
    node = next->value_or(node);
    ++next;
  });
  if (!all_read) return emit(ProofReady{job.ticket, fail(Errc::not_available)});
  CIP_ASSERT(next == part->nodes.end());
  if (!part->blocks.empty()) {
    if (!part->blocks[0]) return emit(ProofReady{job.ticket, fail(Errc::not_available)});
    job.proof.block->value = std::move(*part->blocks[0]);
  }
  emit(ProofReady{job.ticket, std::move(job.proof)});
}

void Feed::Machine::resume_job(ReadJob&& job, StoreResult part) {
  const auto refuse = [&](std::error_code reason) {
    emit(BlockRead{job.ticket, job.index, fail(reason)});
  };
  if (const auto refused = refusal(job)) return refuse(*refused);  // cleared or cut meanwhile
  if (part && part->blocks[0])
    return emit(BlockRead{job.ticket, job.index, std::move(*part->blocks[0])});
  const std::error_code reason = part ? make_error_code(Errc::corrupt) : part.error();
  // What is held was not there: it may have been replaced meanwhile, but not twice.
  const bool is_gone = part.has_value() || reason == Errc::not_available;
  if (!is_gone || std::exchange(job.is_second, true)) return refuse(reason);
  run(std::move(job));
}

void Feed::Machine::resume_job(ApplyJob&& job, const StoreResult& part) {
  CIP_ASSERT(applying_ > 0);
  --applying_;
  const auto nodes = held_nodes(part);
  if (nodes) {
    job.fetched.insert(job.fetched.end(), nodes->begin(), nodes->end());
    run(std::move(job));
  } else {
    emit(Rejected{job.ticket, nodes.error()});
  }
  if (applying_ > 0) return;
  for (auto& behind : std::exchange(behind_, {})) run(std::move(behind));
}

void Feed::Machine::resume_job(CutJob&& job, const StoreResult& part) {
  const auto nodes = held_nodes(part);
  if (!nodes) {
    // The disk contradicts the bitfield: no history to go back to.
    return fail_for_good(nodes.error());
  }
  job.fetched.insert(job.fetched.end(), nodes->begin(), nodes->end());
  run(std::move(job));
}

void Feed::Machine::resume_job(ConflictJob&& job, const StoreResult& part) {
  const auto nodes = held_nodes(part);
  if (!nodes) return emit(ConflictChecked{job.ticket, false});
  job.fetched.insert(job.fetched.end(), nodes->begin(), nodes->end());
  run(std::move(job));
}

}  // namespace cip::store
