#include <algorithm>
#include <utility>

#include "store/feed_machine.hpp"

namespace cip::store {

Ticket Feed::Machine::verify(std::uint64_t from) {
  VerifyJob job;
  job.ticket = ++last_ticket_;
  if (failure_) {
    emit(StoreFailed{*failure_});
    return job.ticket;
  }
  job.from = from;
  const auto ticket = job.ticket;
  run(std::move(job));
  return ticket;
}

// Begins the step, or begins it anew because history was replaced meanwhile.
void Feed::Machine::run(VerifyJob&& job) {
  VerifyJob step;
  step.ticket = job.ticket;
  step.from = job.from;
  step.era = era_;
  plan(step);
  if (step.nodes.empty() && step.blocks.empty()) return conclude(std::move(step));
  const auto nodes = step.nodes;
  const auto blocks = step.blocks;
  wait_for(std::move(step), nodes, blocks, true);
}

// What is on disk of the blocks of the step, of the nodes that they complete, and of the children
// of these. What waits to be written is not looked at: it was verified and never left memory.
void Feed::Machine::plan(VerifyJob& job) const {
  const auto length = roots_.length();
  const auto average = length > 0 ? roots_.byte_length() / length : 0;
  const auto at_most =
      std::clamp<std::uint64_t>(kMaxBytesPerVerify / (average + 1), 1, kMaxBlocksPerVerify);
  job.end = job.from < length ? std::min(length, job.from + at_most) : job.from;
  const auto add = [&](std::uint64_t index) {
    if (is_held(index) && find_unwritten(index) == nullptr) job.nodes.push_back(index);
  };
  for (auto position = flat::node_count(job.from); position < flat::node_count(job.end);
       ++position) {
    const auto index = flat::index_at(position);
    add(index);
    if (flat::depth(index) == 0 || !is_held(index)) continue;
    add(flat::left_child(index));
    add(flat::right_child(index));
  }
  if (job.end >= length)
    for (const auto root : flat::Roots(length)) add(root);
  std::sort(job.nodes.begin(), job.nodes.end());
  job.nodes.erase(std::unique(job.nodes.begin(), job.nodes.end()), job.nodes.end());
  for (auto index = job.from; index < job.end; ++index)
    if (has(index) && find_block(index) == nullptr) job.blocks.push_back(index);
}

void Feed::Machine::resume_job(VerifyJob&& job, StoreResult part) {
  if (failure_) return emit(StoreFailed{*failure_});
  if (job.era != era_) return run(std::move(job));
  if (!job.is_alone) {
    const auto gone = [](const auto& item) { return !item.has_value(); };
    if (!part || std::any_of(part->nodes.begin(), part->nodes.end(), gone) ||
        std::any_of(part->blocks.begin(), part->blocks.end(), gone)) {
      job.is_alone = true;
      return read_next(std::move(job));
    }
    for (const auto& node : part->nodes) job.found.emplace(node->index, *node);
    for (std::size_t i = 0; i < job.blocks.size(); ++i)
      job.leaves.emplace(job.blocks[i], leaf_node(job.blocks[i], *part->blocks[i]));
    return conclude(std::move(job));
  }
  const bool is_node = job.next < job.nodes.size();
  const auto index = is_node ? job.nodes[job.next] : job.blocks[job.next - job.nodes.size()];
  ++job.next;
  if (part && is_node && part->nodes[0]) {
    job.found.emplace(index, *part->nodes[0]);
  } else if (part && !is_node && part->blocks[0]) {
    job.leaves.emplace(index, leaf_node(index, *part->blocks[0]));
  } else if (is_node ? is_held(index) : has(index)) {
    const std::error_code reason = part ? make_error_code(Errc::corrupt) : part.error();
    job.bad.push_back({is_node ? BadPart::Kind::node : BadPart::Kind::block, index, reason});
  }
  read_next(std::move(job));
}

void Feed::Machine::read_next(VerifyJob job) {
  const auto nodes = job.nodes.size();
  if (job.next == nodes + job.blocks.size()) return conclude(std::move(job));
  const bool is_node = job.next < nodes;
  const auto index = is_node ? job.nodes[job.next] : job.blocks[job.next - nodes];
  const std::span<const std::uint64_t> one(&index, 1);
  const std::span<const std::uint64_t> none;
  wait_for(std::move(job), is_node ? one : none, is_node ? none : one, true);
}

void Feed::Machine::conclude(VerifyJob job) {
  const auto unreadable = std::exchange(job.bad, {});
  const auto was_told = [&](const BadPart& part) {
    return std::any_of(unreadable.begin(), unreadable.end(), [&](const BadPart& other) {
      return other.kind == part.kind && other.index == part.index;
    });
  };
  for (auto index = job.from; index < job.end; ++index) check_block(job, index);
  for (auto position = flat::node_count(job.from); position < flat::node_count(job.end); ++position)
    check_node(job, flat::index_at(position));
  const bool is_last = job.end >= roots_.length();
  if (is_last) check_head(job);
  Verified step;
  step.ticket = job.ticket;
  step.next = job.end;
  step.done = is_last;
  step.blocks = blocks_.count(job.from, job.end);
  step.nodes = nodes_.count(flat::node_count(job.from), flat::node_count(job.end));
  step.bad = unreadable;
  for (auto& part : job.bad)
    if (!was_told(part)) step.bad.push_back(part);
  emit(std::move(step));
}

void Feed::Machine::check_block(VerifyJob& job, std::uint64_t index) const {
  const auto leaf = job.leaves.find(index);
  if (leaf == job.leaves.end()) return;  // not held, not written yet, or unreadable
  const auto node = job.found.find(2 * index);
  if (node != job.found.end() && node->second != leaf->second)
    job.bad.push_back({BadPart::Kind::block, index, Errc::hash_mismatch});
}

// A node that is held has its parent, unless it is a root, and both of its children or none.
void Feed::Machine::check_node(VerifyJob& job, std::uint64_t index) const {
  const auto bad = [&](Errc reason) { job.bad.push_back({BadPart::Kind::node, index, reason}); };
  if (!is_held(index)) {
    if (has(index / 2) && flat::depth(index) == 0) bad(Errc::not_available);
    return;
  }
  const auto parent = flat::parent(index);
  if (flat::right_span(parent) < 2 * roots_.length() && !is_held(parent))
    return bad(Errc::not_available);
  if (flat::depth(index) == 0) return;
  const auto left = flat::left_child(index);
  const auto right = flat::right_child(index);
  if (is_held(left) != is_held(right)) return bad(Errc::not_available);
  const auto at = [&](std::uint64_t node) -> const TreeNode* {
    const auto found = job.found.find(node);
    return found != job.found.end() ? &found->second : find_unwritten(node);
  };
  if (at(index) == nullptr || at(left) == nullptr || at(right) == nullptr) return;
  if (parent_node(*at(left), *at(right)) != *at(index)) bad(Errc::hash_mismatch);
}

// The roots on disk are those that the signature of the head in memory vouches for.
void Feed::Machine::check_head(VerifyJob& job) const {
  for (const auto& root : roots_.nodes()) {
    const auto stored = job.found.find(root.index);
    if (stored != job.found.end() && stored->second != root)
      job.bad.push_back({BadPart::Kind::node, root.index, Errc::hash_mismatch});
  }
  if (!roots_.empty() && !verify_tree(authority(), roots_, fork_, signature_))
    job.bad.push_back({BadPart::Kind::signature, roots_.length(), Errc::invalid_signature});
}

}  // namespace cip::store
