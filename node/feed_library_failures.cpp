// Feeds whose write failed: what was acknowledged is on disk, the rest is gone, so they are read
// anew.

#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/log.hpp"

namespace cip::node {

void FeedLibrary::note_failure(store::FeedNumber number) {
  auto* open = find(number);
  if (!open) return;
  open->failed = true;
  open->paused_until = now().mono + kWriteFailurePause;
}

void FeedLibrary::reload(store::FeedNumber number) {
  auto& failed = open_.at(number);
  failed.reloading = true;
  FeedQuery query;
  query.key = failed.record.key;
  query.create = false;
  auto finished = [this, number, query,
                   alive = std::weak_ptr(alive_)](Result<store::OpenFeed> opened) {
    // Closed meanwhile, and perhaps opened again: then it is another one.
    auto* open = alive.expired() ? nullptr : find(number);
    if (!open || !open->reloading) return;
    open->reloading = false;
    if (opened) return replace(number, std::move(*opened));
    const auto error = open_error(query, opened.error());
    log(Floor::store, LogLevel::error, "opening a feed anew: {}", error.message);
    answer_awaiting(number, tl::unexpected(error));
  };
  // Behind the feed's own operations: none of them comes back to the new one.
  storage_.ask(store::lane_of(number), store::BarrierOp{}, alive_,
               [this, op = *open_feed_op(query, primary_key_), finished = std::move(finished)](
                   const auto&) { storage_.ask(store::StorageLane::directory, op, finished); });
}

void FeedLibrary::replace(store::FeedNumber number, store::OpenFeed loaded) {
  auto& open = open_.at(number);
  auto& replication = participant_.hub().replication();
  const auto peers = replication.peers(number);
  replication.remove_feed(now(), number);
  open.failed = false;
  open.following.reset();
  take_in(std::move(loaded));
  for (const auto& peer : peers) replication.open(now(), peer.conn, number);
  if (on_reloaded) on_reloaded(number);
  answer_awaiting(number, {});
  participant_.changed();
}

// Of those who hear of a failure the use is over with that.
void FeedLibrary::answer_awaiting(store::FeedNumber number, const Outcome<void>& result) {
  auto awaiting = std::exchange(open_.at(number).awaiting, {});
  for (auto& opener : awaiting) {
    if (result) {
      opener.done(std::move(opener.use));
    } else {
      opener.done(tl::unexpected(result.error()));
    }
  }
}

void FeedLibrary::resume_after_failures() {
  for (auto& [number, open] : open_) {
    if (open.failed && !open.reloading) reload(number);
    if (open.failed || !open.paused_until || *open.paused_until > now().mono) continue;
    open.paused_until.reset();
    share(open);
  }
}

}  // namespace cip::node
