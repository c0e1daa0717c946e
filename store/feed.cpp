#include "store/feed.hpp"

#include <utility>

#include "store/feed_machine.hpp"

namespace cip::store {

Result<Feed> Feed::open(FeedState state) {
  const auto length = state.head ? state.head->length : 0;
  const auto byte_length = state.head ? state.head->byte_length : 0;
  Feed feed(std::make_unique<Machine>(std::move(state)));
  if (feed.length() != length || feed.byte_length() != byte_length) return fail(Errc::corrupt);
  if (auto good = feed.machine_->check(); !good) return fail(good.error());
  return feed;
}

Feed::Feed(std::unique_ptr<Machine> machine) : machine_(std::move(machine)) {}
Feed::Feed(Feed&&) noexcept = default;
Feed& Feed::operator=(Feed&&) noexcept = default;
Feed::~Feed() = default;

FeedNumber Feed::number() const { return machine_->number_; }
const Bytes32& Feed::key() const { return machine_->key_; }
Bytes32 Feed::discovery_key() const { return base::discovery_key(machine_->key_); }
std::uint64_t Feed::length() const { return machine_->roots_.length(); }
std::uint64_t Feed::appended_length() const { return machine_->appended_length(); }
std::uint64_t Feed::byte_length() const { return machine_->roots_.byte_length(); }
std::uint64_t Feed::fork() const { return machine_->fork_; }
const Bytes& Feed::signature() const { return machine_->signature_; }
Bytes32 Feed::tree_hash() const { return machine_->roots_.hash(); }
const std::optional<Manifest>& Feed::manifest() const { return machine_->manifest_; }
bool Feed::is_compat() const { return machine_->compat_; }
bool Feed::is_frozen() const { return machine_->is_frozen_; }
const std::optional<Equivocation>& Feed::equivocation() const { return machine_->equivocation_; }
bool Feed::is_writer(const PublicKey& public_key) const { return machine_->is_writer(public_key); }

bool Feed::has(std::uint64_t index) const { return machine_->has(index); }
std::uint64_t Feed::held_bytes() const { return machine_->held_bytes(); }
std::uint64_t Feed::contiguous_length() const { return machine_->contiguous_; }
std::uint64_t Feed::written_length() const { return machine_->written_contiguous_; }
const Bitfield& Feed::blocks() const { return machine_->blocks_; }
std::uint64_t Feed::wanted_nodes(std::uint64_t index) const {
  return index < length() ? machine_->wanted_nodes(2 * index) : 0;
}
std::uint64_t Feed::wanted_nodes_of_hash(std::uint64_t tree_index) const {
  return machine_->wanted_nodes(tree_index);
}
bool Feed::must_climb(std::uint64_t tree_index) const { return machine_->must_climb(tree_index); }
bool Feed::has_roots_of(std::uint64_t length) const { return machine_->has_roots_of(length); }
std::size_t Feed::uncommitted_bytes() const { return machine_->uncommitted_bytes(); }
bool Feed::is_idle() const { return machine_->is_idle(); }

Result<std::uint64_t> Feed::append(std::vector<Bytes> blocks, const KeyPair& key) {
  return machine_->append(std::move(blocks), key);
}
Result<void> Feed::truncate(std::uint64_t length, const KeyPair& key) {
  return machine_->truncate(length, key);
}
void Feed::allow_forks(bool allow) { machine_->allows_forks_ = allow; }
Ticket Feed::prove(const ProofRequest& request) { return machine_->prove(request); }
Ticket Feed::apply(Proof proof) { return machine_->apply(std::move(proof)); }
Ticket Feed::apply(std::vector<Proof> proofs) { return machine_->apply(std::move(proofs)); }
Ticket Feed::read(std::uint64_t index) { return machine_->read(index); }
Ticket Feed::read(std::uint64_t index, const Snapshot& snapshot) {
  return machine_->read(index, snapshot);
}
Snapshot Feed::snapshot() const { return machine_->snapshot(); }
Ticket Feed::seek(std::uint64_t offset, std::uint64_t padding) {
  return machine_->seek(offset, padding);
}
Ticket Feed::verify(std::uint64_t from) { return machine_->verify(from); }
Ticket Feed::sync() { return machine_->sync(); }
Result<void> Feed::clear(std::uint64_t start, std::uint64_t end) {
  return machine_->clear(start, end);
}
Result<void> Feed::discard(std::uint64_t start, std::uint64_t end) {
  return machine_->discard(start, end);
}
Ticket Feed::check_conflict(Proof proof) { return machine_->check_conflict(std::move(proof)); }

std::optional<StoreOp> Feed::poll_store_op() { return machine_->poll_store_op(); }
void Feed::handle_store_done(StoreOpId id, StoreResult result) {
  machine_->handle_store_done(id, std::move(result));
}
std::optional<FeedEvent> Feed::poll_event() { return machine_->poll_event(); }

}  // namespace cip::store
