#include "store/feed_machine.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "store/disk_share.hpp"

namespace cip::store {

const TreeNode* WithFetched::find(std::uint64_t index) const {
  if (const auto* node = feed_.find(index)) return node;
  const auto at = std::find_if(fetched_.begin(), fetched_.end(),
                               [&](const TreeNode& node) { return node.index == index; });
  return at == fetched_.end() ? nullptr : &*at;
}

Feed::Machine::Machine(FeedState stored)
    : number_(stored.feed),
      key_(stored.key),
      manifest_(std::move(stored.manifest)),
      compat_(stored.compat),
      blocks_(stored.block_pages),
      nodes_(stored.node_pages) {
  if (!stored.head) return;
  compat_ = compat_ || stored.head->compat;
  is_frozen_ = stored.head->frozen;
  equivocation_ = std::move(stored.equivocation);
  fork_ = stored.head->fork;
  signature_ = std::move(stored.head->signature);
  // Roots that are none leave the length at 0, which check() finds out.
  roots_ = RootList::from_nodes(std::move(stored.head->roots)).value_or(RootList{});
  for (const auto& root : roots_.nodes()) cache_.put(root);
  advance_contiguous();
  written_contiguous_ = contiguous_;
}

Result<void> Feed::Machine::check() const {
  if (manifest_ && (compat_ || manifest_key(*manifest_) != key_)) return fail(Errc::wrong_manifest);
  for (const auto& root : roots_.nodes())
    if (!is_held(root.index)) return fail(Errc::corrupt);
  const auto no_end = ~std::uint64_t{0};
  if (blocks_.first_set(roots_.length(), no_end) != no_end ||
      nodes_.first_set(flat::node_count(roots_.length()), no_end) != no_end)
    return fail(Errc::corrupt);
  if (roots_.empty()) return {};
  if (!verify_tree(authority(), roots_, fork_, signature_)) return fail(Errc::invalid_signature);
  return {};
}

const TreeNode* Feed::Machine::find(std::uint64_t index) const {
  if (!is_held(index)) return nullptr;
  if (const auto* node = find_unwritten(index)) return node;
  return cache_.find(index);
}

const TreeNode* Feed::Machine::find_unwritten(std::uint64_t index) const {
  if (const auto* node = pending_.find_node(index)) return node;
  return flight_ ? find_node(*flight_->op, index) : nullptr;
}

bool Feed::Machine::is_held(std::uint64_t index) const {
  return flat::depth(index) <= 52 && nodes_.get(flat::position_of(index));
}

const Bytes* Feed::Machine::find_block(std::uint64_t index) const {
  if (const auto* block = pending_.find_block(index)) return block;
  return flight_ ? store::find_block(*flight_->op, index) : nullptr;
}

bool Feed::Machine::is_writer(const PublicKey& public_key) const {
  if (!manifest_ && !compat_) return false;
  // Appends may not end inside a prologue, which fixes what is there.
  if (manifest_ && manifest_->prologue && roots_.length() < manifest_->prologue->length)
    return false;
  return is_sole_signer(authority(), public_key);
}

bool Feed::Machine::has(std::uint64_t index) const {
  return index < roots_.length() && blocks_.get(index);
}

std::uint64_t Feed::Machine::wanted_nodes(std::uint64_t tree_index) const {
  std::uint64_t levels = 0;
  for (auto at = tree_index; must_climb(at); at = flat::parent(at)) ++levels;
  return levels;
}

bool Feed::Machine::must_climb(std::uint64_t tree_index) const {
  return flat::right_span(tree_index) < 2 * roots_.length() && !is_held(tree_index);
}

bool Feed::Machine::has_roots_of(std::uint64_t length) const {
  if (length > roots_.length()) return false;
  const flat::Roots roots(length);
  return std::all_of(roots.begin(), roots.end(), [&](auto root) { return is_held(root); });
}

std::size_t Feed::Machine::uncommitted_bytes() const {
  return pending_.bytes() + (flight_ ? flight_->bytes : 0);
}

std::uint64_t Feed::Machine::held_bytes() const {
  // With own appends that are under way: they will be there.
  const auto& latest = tip_ ? *tip_ : roots_;
  return store::held_bytes(Holdings{latest.length(), latest.byte_length(),
                                    blocks_.count(0, latest.length()), nodes_.count()});
}

Snapshot Feed::Machine::snapshot() const {
  return {fork_, roots_.length(), roots_.byte_length(), roots_.hash(), era_};
}

bool Feed::Machine::is_idle() const {
  return !flight_ && pending_.empty() && !head_changed_ && syncs_.empty() && waiting_ == 0 &&
         behind_.empty();
}

void Feed::Machine::add_node(const TreeNode& node) {
  if (nodes_.set(flat::position_of(node.index))) pending_.add_node(node);
}

bool Feed::Machine::add_block(std::uint64_t index, Bytes value) {
  if (!blocks_.set(index)) return false;
  pending_.add_block(index, std::move(value));
  return true;
}

void Feed::Machine::advance_contiguous() {
  contiguous_ = blocks_.first_unset(contiguous_, roots_.length());
}

Result<std::uint64_t> Feed::Machine::append(std::vector<Bytes> blocks, const KeyPair& key) {
  if (failure_) return fail(*failure_);
  if (is_frozen_) return fail(Errc::frozen);
  if (!is_writer(key.public_key)) return fail(Errc::not_writer);
  if (is_cutting_) return fail(Errc::overloaded);
  const auto start = appended_length();
  if (blocks.size() > kMaxLength - start) return fail(Errc::out_of_range);
  for (const auto& block : blocks)
    if (block.size() > kMaxBlockSize) return fail(Errc::block_too_large);
  if (blocks.empty()) return start;

  if (!tip_) tip_ = roots_;
  made_.clear();
  std::vector<Leaf> leaves;
  leaves.reserve(blocks.size());
  for (const auto& block : blocks) leaves.push_back({start + leaves.size(), block});
  for (const auto& leaf : leaf_nodes(leaves)) tip_->append(leaf, made_);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    CIP_ASSERT(add_block(start + i, std::move(blocks[i])));
  }
  for (const auto& node : made_) add_node(node);
  sign_with_ = key;
  return start;
}

Result<void> Feed::Machine::clear(std::uint64_t start, std::uint64_t end) {
  if (failure_) return fail(*failure_);
  if (is_frozen_) return fail(Errc::frozen);
  if (forget(start, end)) pending_.clear_blocks(start, end);
  return {};
}

Result<void> Feed::Machine::discard(std::uint64_t start, std::uint64_t end) {
  if (failure_) return fail(*failure_);
  if (is_frozen_) return fail(Errc::frozen);
  if (forget(start, end)) pending_.discard_blocks(start, end);
  return {};
}

// Whether there was anything to forget; `end` is cut to the length.
bool Feed::Machine::forget(std::uint64_t start, std::uint64_t& end) {
  end = std::min(end, roots_.length());
  if (start >= end || blocks_.first_set(start, end) == end) return false;
  blocks_.clear_range(start, end);
  contiguous_ = std::min(contiguous_, start);
  return true;
}

Ticket Feed::Machine::sync() {
  const auto ticket = ++last_ticket_;
  if (failure_) {
    emit(StoreFailed{*failure_});
  } else {
    syncs_.push_back(ticket);
  }
  return ticket;
}

std::optional<FeedEvent> Feed::Machine::poll_event() { return events_.pop(); }

}  // namespace cip::store
