#include "node/feed_library.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <asio/post.hpp>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/log.hpp"
#include "node/store_error.hpp"
#include "store/disk_share.hpp"

namespace cip::node {

namespace {

// The same feed asked for in the same words is loaded once.
std::string name_of(const FeedQuery& query) {
  const auto what = query.key ? to_hex(*query.key) : "text " + query.text;
  return fmt::format("{} {} {}", query.create, query.encryption_key.has_value(), what);
}

}  // namespace

FeedLibrary::FeedLibrary(Participant& participant, StoragePool& pool, const Bytes32& primary_key,
                         Random& random, bool announce)
    : io_(participant.io()),
      participant_(participant),
      pool_(pool),
      primary_key_(primary_key),
      random_(random),
      announce_(announce) {}

void FeedLibrary::start() {
  auto records = std::make_shared<Result<std::vector<store::FeedRecord>>>();
  pool_.submit(
      kDirectoryJobs, [records](store::Backend& backend) { *records = backend.list_feeds(); },
      [this, records, alive = std::weak_ptr(alive_)] {
        if (alive.expired()) return;
        if (!*records) {
          return log(Floor::store, LogLevel::error, "listing feeds: {}",
                     records->error().message());
        }
        for (const auto& record : **records) {
          last_used_ = std::max(last_used_, record.used);
          // Feeds of topics are opened when their topic is.
          if (record.topic || (!record.writable && !record.seeded)) continue;
          FeedQuery query;
          query.key = record.key;
          open(std::move(query), [](const auto&) {});
        }
      });
}

void FeedLibrary::open(FeedQuery query, OnOpen done) {
  const auto name = name_of(query);
  auto& waiting = opening_[name];
  waiting.push_back(std::move(done));
  if (waiting.size() == 1) load(name, std::move(query));
}

void FeedLibrary::load(const std::string& name, FeedQuery query) {
  auto loaded = std::make_shared<std::optional<Outcome<store::OpenFeed>>>();
  pool_.submit(
      kDirectoryJobs,
      [loaded, query, primary_key = primary_key_](store::Backend& backend) {
        store::FeedStore feeds(backend, primary_key);
        *loaded = load_feed(feeds, backend, query);
      },
      [this, loaded, name, query, alive = std::weak_ptr(alive_)] {
        if (alive.expired()) return;
        auto& opened = **loaded;
        if (!opened) return finish(name, tl::unexpected(opened.error()));
        const auto number = opened->record.number;
        if (dropping_.contains(number)) {
          return finish(name, fail_with(ExitCode::not_found, "the feed is being dropped", {}));
        }
        if (closed_.erase(number) > 0) return load_again(name, query, number);
        take_in(std::move(*opened));
        finish(name, number);
      });
}

// Operations of when it was open before may still be under way: behind them it is loaded once more,
// so that it holds what they write, and none comes back to it.
void FeedLibrary::load_again(const std::string& name, const FeedQuery& query,
                             store::FeedNumber number) {
  pool_.submit(
      number, [](store::Backend&) {},
      [this, name, query, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) load(name, query);
      });
}

void FeedLibrary::create(store::NewWriter wanted, OnOpen done) {
  wanted.created = now().wall;
  auto loaded = std::make_shared<std::optional<Outcome<store::OpenFeed>>>();
  pool_.submit(
      kDirectoryJobs,
      [loaded, wanted = std::move(wanted), primary_key = primary_key_,
       fresh = store::FreshSecrets::draw(random_)](store::Backend& backend) {
        store::FeedStore feeds(backend, primary_key);
        *loaded = create_feed(feeds, wanted, fresh);
      },
      [this, loaded, done = std::move(done), alive = std::weak_ptr(alive_)] {
        if (alive.expired()) return;
        auto& opened = **loaded;
        if (!opened) return done(tl::unexpected(opened.error()));
        const auto number = opened->record.number;
        const bool is_random = opened->signer && !is_derived(opened->record, *opened->signer);
        take_in(std::move(*opened));
        auto& open = open_[number];
        ++open.users;
        open.length_asked = is_random;  // of a fresh key nobody can hold a history
        done(number);
      });
}

// The feed may be open already: then what was loaded beside it is thrown away.
void FeedLibrary::take_in(store::OpenFeed loaded) {
  const auto number = loaded.record.number;
  auto& open = open_[number];
  if (loaded.cipher) open.cipher = loaded.cipher;
  if (participant_.hub().replication().feed(number)) return;
  open.record = loaded.record;
  open.signer = loaded.signer;
  open.appended = loaded.feed.length();
  participant_.hub().replication().add_feed(std::move(loaded.feed));
  share(open);
}

void FeedLibrary::finish(const std::string& name, Outcome<store::FeedNumber> result) {
  const auto node = opening_.extract(name);
  for (const auto& done : node.mapped()) {
    if (result) ++open_[*result].users;
    done(result);
  }
  participant_.changed();
}

void FeedLibrary::release(store::FeedNumber number) {
  auto* open = find(number);
  if (!open || open->users == 0) return;
  --open->users;
  close_if_unused(number);
}

// What was fetched for its last user is written before it is closed: look_after() comes back to it.
void FeedLibrary::close_if_unused(store::FeedNumber number) {
  const auto& open = open_[number];
  const bool kept = open.record.writable || open.record.seeded || open.record.topic;
  if (open.users > 0 || kept || is_unwritten(open)) return;
  note_used(number);
  participant_.hub().swarm()->leave(now(), open.record.discovery_key);
  participant_.hub().replication().remove_feed(now(), number);
  open_.erase(number);
  closed_.insert(number);
  participant_.changed();
}

bool FeedLibrary::is_unwritten(const OpenFeed& open) {
  const auto* unused = feed(open.record.number);
  return unused && !open.failed && unused->uncommitted_bytes() > 0;
}

void FeedLibrary::look_after() {
  resume_after_failures();
  for (auto at = open_.begin(); at != open_.end();) close_if_unused((at++)->first);
}

// The cache is given up in the order in which it was read.
void FeedLibrary::note_used(store::FeedNumber number) {
  auto& record = open_[number].record;
  const auto* closing = feed(number);
  if (record.disk_class == store::DiskClass::cache) {
    record.used = last_used_ = store::next_use(now().wall, last_used_);
    write(record, [](const Outcome<void>&) {});
  }
  if (on_closed && closing) on_closed(record, closing->held_bytes());
}

OpenFeed* FeedLibrary::find(store::FeedNumber number) {
  const auto found = open_.find(number);
  return found == open_.end() ? nullptr : &found->second;
}

store::Feed* FeedLibrary::feed(store::FeedNumber number) {
  return participant_.hub().replication().feed(number);
}

Result<std::uint64_t> FeedLibrary::append(store::FeedNumber number, std::vector<Bytes> blocks) {
  auto* open = find(number);
  auto* target = feed(number);
  if (!open || !target || !open->signer) return fail(store::Errc::not_writer);
  if (open->cipher) {
    auto index = std::max(open->appended, target->length());
    for (auto& block : blocks) block = open->cipher->encrypt(index++, target->fork(), block);
  }
  const auto count = blocks.size();
  const auto first = target->append(std::move(blocks), *open->signer);
  if (!first) return first;
  open->appended = *first + count;
  participant_.changed();
  return open->appended;
}

bool FeedLibrary::must_ask_length(store::FeedNumber number) {
  const auto& open = open_.at(number);
  if (!open.length_asked && (open.appended > 0 || is_derived(open.record, *open.signer)))
    return true;
  const auto fork = feed(number)->fork();
  return std::ranges::any_of(participant_.hub().replication().peers(number), [&](const auto& peer) {
    return !peer.rejected &&
           (peer.fork > fork || (peer.fork == fork && peer.length > open.appended));
  });
}

void FeedLibrary::note_length_asked(store::FeedNumber number) {
  open_.at(number).length_asked = true;
}

// A key that follows from the primary key, so that another database may know it as well.
bool FeedLibrary::is_derived(const store::FeedRecord& record, const KeyPair& signer) const {
  return store::derive_feed_key_pair(primary_key_, record.name).public_key == signer.public_key;
}

std::optional<Bytes> FeedLibrary::readable(store::FeedNumber number, std::uint64_t index,
                                           Bytes stored) const {
  const auto found = open_.find(number);
  if (found == open_.end() || !found->second.cipher) return stored;
  return found->second.cipher->decrypt(index, stored);
}

// Own feeds and those kept for others are served and stay connected; of the rest only what is being
// fetched is given on (design D14).
void FeedLibrary::share(OpenFeed& open) {
  const auto& record = open.record;
  const bool kept = record.writable || record.seeded;
  const bool served = kept || record.topic || open.servers > 0;
  const overlay::FeedSharing sharing{.serve = served,
                                     .keep_open = served,
                                     .follow_forks = !record.topic && !record.writable,
                                     .heal = !record.writable,
                                     .accept_push = !record.writable && has_room(open)};
  auto& hub = participant_.hub();
  hub.replication().set_sharing(now(), record.number, sharing);
  const bool announced = announce_ && kept && !record.is_private && !record.topic;
  const bool wanted = open.searchers > 0 || (record.seeded && !record.writable);
  if (announced || wanted) {
    hub.swarm()->join(now(), record.discovery_key, {.find = wanted, .announce = announced});
  } else {
    hub.swarm()->leave(now(), record.discovery_key);
  }
  follow_if_wanted(open);
  participant_.changed();
}

void FeedLibrary::follow_if_wanted(OpenFeed& open) {
  auto& replication = participant_.hub().replication();
  const bool wanted =
      (open.record.seeded || open.followed) && !open.record.writable && has_room(open);
  if (wanted && !open.following) {
    overlay::DownloadOptions all_of_it;
    all_of_it.follow = true;
    all_of_it.start = open.followed_from;
    if (open.followed_from > 0) {
      overlay::DownloadOptions header;
      header.end = 1;
      replication.download(now(), open.record.number, header);
    }
    open.following = replication.download(now(), open.record.number, all_of_it);
  } else if (!wanted && open.following) {
    replication.cancel_download(now(), open.record.number, *open.following);
    open.following.reset();
  }
}

bool FeedLibrary::has_room(const OpenFeed& open) const {
  const bool is_kept = open.record.disk_class == store::DiskClass::kept;
  return !open.paused_until && !(is_kept && full_.kept) &&
         !(open.record.topic && !open.record.writable && full_.topics);
}

void FeedLibrary::set_seeded(store::FeedNumber number, bool seeded, OnDone done) {
  auto* open = find(number);
  if (!open) return done({});
  open->record.seeded = seeded;
  if (!open->record.writable) {
    open->record.disk_class = seeded ? store::DiskClass::kept : store::DiskClass::cache;
  }
  share(*open);
  write(open->record, std::move(done));
}

void FeedLibrary::set_disk_class(store::FeedNumber number, store::DiskClass disk_class) {
  auto* open = find(number);
  if (!open || open->record.writable || open->record.disk_class == disk_class) return;
  open->record.disk_class = disk_class;
  write(open->record, [](const Outcome<void>&) {});
}

void FeedLibrary::write(const store::FeedRecord& record, OnDone done) {
  auto result = std::make_shared<Result<void>>();
  pool_.submit(
      kDirectoryJobs,
      [result, record](store::Backend& backend) { *result = backend.update_feed(record); },
      [result, done = std::move(done)] {
        if (*result) return done({});
        done(tl::unexpected(error_from(result->error(), "writing the feed directory")));
      });
}

void FeedLibrary::follow(store::FeedNumber number, std::uint64_t from) {
  auto* open = find(number);
  if (!open) return;
  open->followed = true;
  open->followed_from = from;
  follow_if_wanted(*open);
}

void FeedLibrary::adopt(store::FeedNumber number, const Bytes32& topic) {
  auto* open = find(number);
  if (!open || open->record.topic == topic) return;
  open->record.topic = topic;
  share(*open);
  write(open->record, [](const Outcome<void>&) {});
}

Result<void> FeedLibrary::truncate(store::FeedNumber number, std::uint64_t length) {
  auto* open = find(number);
  auto* target = feed(number);
  if (!open || !target || !open->signer) return fail(store::Errc::not_writer);
  if (const auto cut = target->truncate(length, *open->signer); !cut) return cut;
  open->appended = length;
  open->shared_length = std::min(open->shared_length, length);
  participant_.changed();
  return {};
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
    if (!open) return;
    const bool goes = open->record.disk_class == store::DiskClass::cache && open->users <= 1;
    goes ? evict(number) : release(number);
  });
}

void FeedLibrary::evict(store::FeedNumber number, std::function<void()> done) {
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
      std::move(done));
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

void FeedLibrary::set_full(Full full) {
  const auto before = std::exchange(full_, full);
  if (before == full) return;
  if (before.kept != full.kept) {
    log(Floor::store, LogLevel::warning, "{}",
        full.kept ? "the disk quota is used up: seeded feeds are not fetched any further"
                  : "there is room within the disk quota again");
  }
  if (before.topics != full.topics) {
    log(Floor::store, LogLevel::warning, "{}",
        full.topics ? "the share of topics in the disk quota is used up: messages of others wait"
                    : "there is room for messages of others again");
  }
  for (auto& [number, open] : open_) share(open);
}

void FeedLibrary::add_reader(store::FeedNumber number, const BlockReader& reader) {
  if (auto* open = find(number)) open->readers.insert(&reader);
}

void FeedLibrary::remove_reader(store::FeedNumber number, const BlockReader& reader) {
  if (auto* open = find(number)) open->readers.erase(&reader);
}

void FeedLibrary::serve(store::FeedNumber number) {
  auto* open = find(number);
  if (open && ++open->servers == 1) share(*open);
}

void FeedLibrary::stop_serving(store::FeedNumber number) {
  auto* open = find(number);
  if (open && open->servers > 0 && --open->servers == 0) share(*open);
}

void FeedLibrary::search(store::FeedNumber number) {
  auto* open = find(number);
  if (!open) return;
  if (++open->searchers == 1) share(*open);
}

void FeedLibrary::stop_search(store::FeedNumber number) {
  auto* open = find(number);
  if (!open || open->searchers == 0) return;
  if (--open->searchers == 0) share(*open);
}

void FeedLibrary::handle(const overlay::FeedNews& news) {
  const auto found = news_.find(news.feed);
  if (found != news_.end()) found->second.tell(news);
  const auto* event = std::get_if<store::FeedEvent>(&news.what);
  if (event && std::holds_alternative<store::StoreFailed>(*event)) note_failure(news.feed);
}

std::size_t FeedLibrary::seeded_count() const {
  return static_cast<std::size_t>(std::ranges::count_if(open_, [](const auto& entry) {
    return entry.second.record.seeded && !entry.second.record.writable;
  }));
}

void FeedLibrary::note_shared(OpenFeed& open) {
  if (!open.record.writable) return;
  for (const auto& peer : participant_.hub().replication().peers(open.record.number)) {
    open.shared_length = std::max(open.shared_length, peer.contiguous);
  }
}

bool FeedLibrary::holds_unshared_blocks() {
  return std::ranges::any_of(open_, [this](auto& entry) {
    auto& open = entry.second;
    note_shared(open);
    return open.record.writable && open.shared_length < open.appended;
  });
}

}  // namespace cip::node
