#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "store/feed_machine.hpp"

namespace cip::store {
namespace {

// Reads of one feed on the pool at one time. What is asked for meanwhile is gathered into the next
// one, so that a busy seeder reads many blocks per visit to the disk.
constexpr std::size_t kMaxReadsInFlight = 4;
// Jobs for which a batch has room from the start.
constexpr std::size_t kUsualBatch = 64;

}  // namespace

std::optional<StoreOp> Feed::Machine::poll_store_op() {
  if (failure_) return std::nullopt;  // so that whoever opens it anew meets no late answers
  if (auto op = next_commit()) return op;
  return next_read();
}

void Feed::Machine::handle_store_done(StoreOpId id, StoreResult result) {
  if (flight_ && flight_->id == id) return finish_commit(result);
  const auto found = reading_.find(id);
  if (found == reading_.end()) return;
  auto batch = std::move(found->second);
  reading_.erase(found);
  finish_read(std::move(batch), std::move(result));
}

std::optional<StoreOp> Feed::Machine::next_commit() {
  if (flight_) return std::nullopt;
  const bool grows = sign_with_.has_value();
  if (pending_.empty() && !grows && !head_changed_) {
    // Nothing to write; a sync needs the disk only when something may not be durable yet.
    if (!is_unsynced_)
      for (const auto ticket : std::exchange(syncs_, {})) emit(Synced{ticket});
    if (syncs_.empty()) return std::nullopt;
  }

  Flight flight;
  flight.id = ++last_op_;
  flight.bytes = pending_.bytes();
  flight.contiguous = blocks_.first_unset(contiguous_, grows ? tip_->length() : roots_.length());
  auto op = pending_.take();
  op.feed = number_;
  op.sync = grows || cut_ || !syncs_.empty();
  flight.era = era_;
  flight.cut = std::exchange(cut_, {});
  flight.syncs = std::exchange(syncs_, {});
  if (grows || head_changed_) {
    const auto& roots = grows ? *tip_ : roots_;
    auto signature =
        grows ? sign_tree(authority(), {roots.hash(), roots.length(), fork_}, *sign_with_)
              : signature_;
    op.head =
        FeedHead{roots.length(), roots.byte_length(), fork_, roots.nodes(), std::move(signature),
                 compat_,        is_frozen_};
    if (grows) flight.appended = roots;
  }
  op.block_pages = blocks_.take_changed_pages();
  op.node_pages = nodes_.take_changed_pages();
  head_changed_ = false;
  sign_with_.reset();
  flight.op = std::make_shared<const CommitOp>(std::move(op));
  flight_ = std::move(flight);
  return StoreOp{flight_->id, flight_->op};
}

void Feed::Machine::finish_commit(const StoreResult& result) {
  auto flight = std::move(*flight_);
  flight_.reset();
  if (!result) {
    // What reached the disk is unknown, so nothing may be built on it.
    return fail_for_good(result.error());
  }
  if (flight.era == era_)
    for (const auto& node : flight.op->nodes) cache_.put(node);
  is_unsynced_ = !flight.op->sync;
  if (flight.appended) {
    const auto start = roots_.length();
    roots_ = std::move(*flight.appended);
    signature_ = flight.op->head->signature;
    if (tip_->length() == roots_.length()) tip_.reset();
    advance_contiguous();
    emit(Appended{start, roots_.length()});
  }
  if (flight.cut) {
    is_cutting_ = false;
    emit(*flight.cut);
  }
  flight.contiguous = std::min(flight.contiguous, contiguous_);
  if (flight.contiguous != written_contiguous_ || !flight.op->blocks.empty()) {
    written_contiguous_ = flight.contiguous;
    emit(Written{written_contiguous_});
  }
  for (const auto ticket : flight.syncs) emit(Synced{ticket});
}

// Nothing is asked of the disk any more, so whoever waits for it is answered now.
void Feed::Machine::fail_for_good(std::error_code reason) {
  if (!failure_) failure_ = reason;
  emit(StoreFailed{*failure_});
  syncs_.clear();
  auto waiting = std::exchange(full_, {});
  waiting.push_back(std::exchange(gathering_, {}));
  for (auto& batch : waiting) finish_read(std::move(batch), fail(Errc::store_failed));
}

void Feed::Machine::wait_for(Job&& job, std::span<const std::uint64_t> nodes,
                             std::span<const std::uint64_t> blocks, bool from_disk) {
  if (std::holds_alternative<ApplyJob>(job)) ++applying_;
  if (failure_) return resume(std::move(job), fail(Errc::store_failed));
  // Whoever reads past the caches reads for itself.
  if (from_disk && !gathering_.waiters.empty()) full_.push_back(std::exchange(gathering_, {}));
  auto& op = gathering_.op;
  // A job is large to move.
  if (gathering_.waiters.empty()) gathering_.waiters.reserve(kUsualBatch);
  gathering_.era = era_;
  op.nodes.insert(op.nodes.end(), nodes.begin(), nodes.end());
  op.blocks.insert(op.blocks.end(), blocks.begin(), blocks.end());
  op.from_disk = from_disk;
  gathering_.waiters.emplace_back(std::move(job), nodes.size(), blocks.size());
  ++waiting_;
  const auto average = roots_.length() > 0 ? roots_.byte_length() / roots_.length() : 0;
  const auto most =
      std::clamp<std::uint64_t>(kMaxBytesPerRead / (average + 1), 1, kMaxBlocksPerRead);
  if (from_disk || gathering_.waiters.size() >= most)
    full_.push_back(std::exchange(gathering_, {}));
}

std::optional<StoreOp> Feed::Machine::next_read() {
  if (reading_.size() >= kMaxReadsInFlight) return std::nullopt;
  if (full_.empty()) {
    if (gathering_.waiters.empty()) return std::nullopt;
    full_.push_back(std::exchange(gathering_, {}));
  }
  StoreOp out{++last_op_, full_.front().op};
  std::get<ReadOp>(out.op).feed = number_;
  reading_.emplace(out.id, std::move(full_.front()));
  full_.pop_front();
  return out;
}

void Feed::Machine::finish_read(ReadBatch batch, StoreResult result) {
  std::size_t node = 0;
  std::size_t block = 0;
  // A node of a history that was replaced must not vouch for anything.
  if (batch.era != era_) result = fail(Errc::not_available);
  if (failure_) result = fail(Errc::store_failed);
  if (!result && result.error() == Errc::corrupt && batch.waiters.size() > 1)
    return read_apart(std::move(batch));
  for (auto& waiter : batch.waiters) {
    --waiting_;
    if (!result) {
      resume(std::move(waiter.job), fail(result.error()));
      continue;
    }
    CIP_ASSERT(node + waiter.nodes <= result->nodes.size());
    CIP_ASSERT(block + waiter.blocks <= result->blocks.size());
    ReadResult part;
    part.nodes.reserve(waiter.nodes);
    part.blocks.reserve(waiter.blocks);
    for (std::size_t i = 0; i < waiter.nodes; ++i, ++node) {
      if (result->nodes[node] && !batch.op.from_disk) cache_.put(*result->nodes[node]);
      part.nodes.push_back(result->nodes[node]);
    }
    for (std::size_t i = 0; i < waiter.blocks; ++i, ++block)
      part.blocks.push_back(std::move(result->blocks[block]));
    resume(std::move(waiter.job), std::move(part));
  }
}

// Damage that one of them met must not fail the others: each reads for itself.
void Feed::Machine::read_apart(ReadBatch batch) {
  auto node = batch.op.nodes.begin();
  auto block = batch.op.blocks.begin();
  for (auto& waiter : batch.waiters) {
    ReadBatch alone;
    alone.era = batch.era;
    const auto node_end = node + static_cast<std::ptrdiff_t>(waiter.nodes);
    const auto block_end = block + static_cast<std::ptrdiff_t>(waiter.blocks);
    alone.op.nodes.assign(std::exchange(node, node_end), node_end);
    alone.op.blocks.assign(std::exchange(block, block_end), block_end);
    alone.waiters.push_back(std::move(waiter));
    full_.push_back(std::move(alone));
  }
}

}  // namespace cip::store
