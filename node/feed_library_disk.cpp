// What feeds take of the disk: which go with their contents, and how the cache is kept small.

#include <algorithm>
#include <asio/post.hpp>

#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/log.hpp"
#include "node/store_error.hpp"

namespace cip::node {

void FeedLibrary::look_after() {
  resume_after_failures();
  for (auto at = open_.begin(); at != open_.end();) close_if_unused((at++)->first);
}

// The cache is given up in the order in which it was read.
void FeedLibrary::note_used(store::FeedNumber number) {
  auto& record = open_[number].record;
  const auto* closing = feed(number);
  if (record.disk_class == store::DiskClass::cache) {
    record.used = now().wall;
    write(record, [](const Outcome<void>&) {});
  }
  if (on_closed && closing) on_closed(record, closing->held_bytes());
}

void FeedLibrary::set_disk_class(store::FeedNumber number, store::DiskClass disk_class) {
  auto* open = find(number);
  if (!open || open->record.writable || open->record.disk_class == disk_class) return;
  open->record.disk_class = disk_class;
  write(open->record, [](const Outcome<void>&) {});
}

void FeedLibrary::drop(store::FeedNumber number, OnDone done) {
  const auto* open = find(number);
  if (!open || open->users > 1) {
    release(number);
    return done(fail_with(ExitCode::busy, "the feed is in use by another command or a topic",
                          "end that command first"));
  }
  participant_.hub().swarm()->leave(now(), open->record.discovery_key);
  participant_.hub().replication().remove_feed(now(), number);
  open_.erase(number);
  dropping_.insert(number);
  if (on_dropped) on_dropped(number);
  participant_.changed();
  auto result = std::make_shared<Result<void>>();
  auto finished = [this, number, result, done = std::move(done), alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    dropping_.erase(number);
    if (*result) return done({});
    done(tl::unexpected(error_from(result->error(), "dropping the feed")));
  };
  // Behind the feed's own operations, and then in line with what opens feeds.
  pool_.submit(
      number, [](store::Backend&) {},
      [this, number, result, finished = std::move(finished)] {
        pool_.submit(
            kDirectoryJobs,
            [number, result, primary_key = primary_key_](store::Backend& backend) {
              store::FeedStore feeds(backend, primary_key);
              *result = feeds.drop(number);
              if (*result) *result = backend.reclaim(number);
            },
            finished);
      });
}

void FeedLibrary::drop_later(store::FeedNumber number) {
  asio::post(io_, [this, number, alive = std::weak_ptr(alive_)] {
    const auto* open = alive.expired() ? nullptr : find(number);
    if (!open || open->record.writable) return;
    evict(number);
  });
}

void FeedLibrary::evict(store::FeedNumber number) {
  if (const auto* open = find(number)) {
    participant_.hub().swarm()->leave(now(), open->record.discovery_key);
    participant_.hub().replication().remove_feed(now(), number);
    open_.erase(number);
    participant_.changed();
  }
  if (on_dropped) on_dropped(number);
  // Behind the feed's own operations.
  pool_.submit(
      number,
      [number](store::Backend& backend) {
        if (backend.drop_feed(number)) static_cast<void>(backend.reclaim(number));
      },
      [] {});
}

void FeedLibrary::clear_read_cache() {
  for (auto& [number, open] : open_) {
    if (open.record.disk_class != store::DiskClass::cache || open.readers.empty()) continue;
    auto end = feed(number)->length();
    for (const auto* reader : open.readers) end = std::min(end, reader->position());
    const auto begin = feed(number)->blocks().first_set(0, end);
    if (begin >= end) continue;
    const auto cleared = participant_.hub().replication().clear(now(), number, begin, end);
    if (!cleared) continue;
    pool_.submit(
        number, [number](store::Backend& backend) { static_cast<void>(backend.reclaim(number)); },
        [] {});
  }
  participant_.changed();
}

void FeedLibrary::set_full(bool full) {
  if (std::exchange(full_, full) == full) return;
  log(Floor::store, LogLevel::warning, "{}",
      full ? "the disk quota is used up: seeded feeds are not fetched any further"
           : "there is room within the disk quota again");
  for (auto& [number, open] : open_) follow_if_wanted(open);
  participant_.changed();
}

void FeedLibrary::add_reader(store::FeedNumber number, const BlockReader& reader) {
  if (auto* open = find(number)) open->readers.insert(&reader);
}

void FeedLibrary::remove_reader(store::FeedNumber number, const BlockReader& reader) {
  if (auto* open = find(number)) open->readers.erase(&reader);
}

}  // namespace cip::node
