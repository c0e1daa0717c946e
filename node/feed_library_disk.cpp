// What feeds take of the disk: which go with their contents, and how the cache is kept small.

#include <fmt/format.h>

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "base/assert.hpp"
#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/log.hpp"
#include "node/store_error.hpp"
#include "store/disk_share.hpp"

namespace cip::node {

namespace {

// "feed follow (2), publish"
std::string listed(const std::map<FeedUse::Id, std::string>& users) {
  std::map<std::string, std::size_t> counts;
  for (const auto& entry : users) ++counts[entry.second];
  std::string out;
  for (const auto& [user, count] : counts) {
    if (!out.empty()) out += ", ";
    out += count == 1 ? user : fmt::format("{} ({})", user, count);
  }
  return out;
}

}  // namespace

void FeedLibrary::look_after() {
  resume_after_failures();
  for (auto at = open_.begin(); at != open_.end();) close_if_unused((at++)->first);
}

// The cache is given up in the order in which it was read, whenever it is closed.
void FeedLibrary::note_used(store::FeedNumber number) {
  auto& record = open_.at(number).record;
  const auto* closing = feed(number);
  if (record.disk_class == store::DiskClass::cache && open_.at(number).was_read) {
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

void FeedLibrary::drop(FeedUse use, OnDone done) {
  const auto number = use.number();
  auto others = open_.at(number).users;
  others.erase(use.id());
  if (!others.empty()) {
    return done(fail_with(ExitCode::busy, "the feed is in use by: " + listed(others),
                          "end that first, then drop it"));
  }
  take_out(number);
  storage_.ask(store::lane_of(number), store::BarrierOp{}, alive_,
               [this, number, done = std::move(done)](const auto&) {
                 // In line with what opens feeds and writes records.
                 storage_.ask(store::StorageLane::directory,
                              store::DropFeedOp{primary_key_, number}, alive_,
                              [this, number, done](const Result<void>& dropped) {
                                forgotten(number, dropped, done);
                              });
               });
}

void FeedLibrary::drop_unused(FeedUse use) {
  asio::post(io_, [this, use = std::move(use), alive = std::weak_ptr(alive_)] {
    auto* open = alive.expired() ? nullptr : find(use.number());
    // What is here for other reasons, or was kept, stays.
    const bool goes = open && open->record.topic && !open->record.writable &&
                      open->record.disk_class == store::DiskClass::cache;
    if (goes) open->unwanted = true;
  });
}

void FeedLibrary::evict(store::FeedNumber number, std::function<void()> done) {
  if (const auto* open = find(number)) CIP_ASSERT(open->users.empty());
  take_out(number);
  const auto told = [number, done = std::move(done)](const Outcome<void>& dropped) {
    if (!dropped) {
      log(Floor::store, LogLevel::error, "feed {}: {}", number, dropped.error().message);
    }
    done();
  };
  storage_.ask(store::lane_of(number), store::EvictFeedOp{number}, alive_,
               [this, number, told](const Result<void>& dropped) {
                 // Loads that began before the feed was gone come back before this does, and are
                 // done again.
                 storage_.ask(store::StorageLane::directory, store::BarrierOp{}, alive_,
                              [this, number, told, dropped](const auto&) {
                                forgotten(number, dropped, told);
                              });
               });
}

void FeedLibrary::take_out(store::FeedNumber number) {
  if (const auto* open = find(number)) {
    participant_.hub().swarm()->leave(now(), open->record.discovery_key);
    participant_.hub().replication().remove_feed(now(), number);
    open_.erase(number);
    gone.tell(number);
    participant_.changed();
  }
  closed_.erase(number);
  dropping_.try_emplace(number);
  if (on_dropped) on_dropped(number);
}

void FeedLibrary::forgotten(store::FeedNumber number, const Result<void>& dropped,
                            const OnDone& done) {
  const auto waiting = dropping_.extract(number);
  if (dropped) storage_.ask(store::StorageLane::reclaim, store::ReclaimOp{number});
  done(dropped ? Outcome<void>{}
               : tl::unexpected(error_from(dropped.error(), "dropping the feed")));
  for (const auto& [name, query] : waiting.mapped()) load(name, query);
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
    // Behind the clearing, or there would be nothing to give back.
    storage_.ask(store::lane_of(number), store::ReclaimOp{number});
  }
  participant_.changed();
}

void FeedLibrary::follow_to(store::FeedNumber number, std::optional<std::uint64_t> end) {
  auto& open = open_.at(number);
  if (std::exchange(open.follow_end, end) == end || !open.following) return;
  participant_.hub().replication().cancel_download(now(), number, *open.following);
  open.following.reset();
  follow_if_wanted(open);
  participant_.changed();
}

void FeedLibrary::set_full(Full full) {
  const auto before = std::exchange(full_, full);
  if (before == full) return;
  if (before.topics != full.topics) {
    log(Floor::store, LogLevel::warning, "{}",
        full.topics ? "the share of topics in the disk quota is used up: messages of others wait"
                    : "there is room for messages of others again");
  }
  for (auto& [number, open] : open_) share(open);
}

void FeedLibrary::add_reader(store::FeedNumber number, const BlockReader& reader) {
  auto* open = find(number);
  if (!open) return;
  open->readers.insert(&reader);
  open->was_read = true;
  if (open->record.disk_class != store::DiskClass::cache) return;
  open->record.used = last_used_ = store::next_use(now().wall, last_used_);
}

void FeedLibrary::remove_reader(store::FeedNumber number, const BlockReader& reader) {
  if (auto* open = find(number)) open->readers.erase(&reader);
}

}  // namespace cip::node
