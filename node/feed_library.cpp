#include "node/feed_library.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/log.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

// The same feed asked for in the same words is loaded once.
std::string name_of(const FeedQuery& query) {
  const auto what = query.key ? to_hex(*query.key) : "text " + query.text;
  const auto reader_key = query.encryption_key ? to_hex(*query.encryption_key) : "-";
  return fmt::format("{} {} {}", query.create, reader_key, what);
}

// A key that follows from the primary key, so that another database may know it as well.
bool is_derived(const Bytes32& primary_key, const store::FeedRecord& record,
                const KeyPair& signer) {
  return store::derive_feed_key_pair(primary_key, record.name).public_key == signer.public_key;
}

bool is_unwritten(const OpenFeed& open, const store::Feed* unused) {
  return unused && !open.failed && unused->uncommitted_bytes() > 0;
}

// Of a key that somebody asked for and nobody had, nothing stays.
bool is_worth_nothing(const OpenFeed& open, const store::Feed* unused) {
  const bool is_empty = unused && unused->length() == 0 && unused->fork() == 0 && !open.failed;
  return open.unwanted || (is_empty && open.record.disk_class == store::DiskClass::cache);
}

}  // namespace

FeedLibrary::FeedLibrary(Participant& participant, store::StorageRequests& storage,
                         const Bytes32& primary_key, Random& random, bool announce)
    : io_(participant.io()),
      participant_(participant),
      storage_(storage),
      primary_key_(primary_key),
      random_(random),
      announce_(announce) {}

void FeedLibrary::start(std::shared_ptr<void> loading) {
  storage_.ask(
      store::StorageLane::directory, store::ListFeedsOp{}, alive_,
      [this, loading = std::move(loading)](const Result<std::vector<store::FeedRecord>>& records) {
        if (!records) {
          return log(Floor::store, LogLevel::error, "listing feeds: {}", records.error().message());
        }
        for (const auto& record : *records) {
          last_used_ = std::max(last_used_, record.used);
          // Feeds of topics are opened when their topic is.
          if (record.topic || (!record.writable && !record.seeded)) continue;
          FeedQuery query;
          query.key = record.key;
          query.create = false;
          open(std::move(query), "start", [loading](const auto&) {});
        }
      });
}

void FeedLibrary::open(FeedQuery query, std::string user, OnOpen done) {
  const auto name = name_of(query);
  auto& waiting = opening_[name];
  waiting.push_back({std::move(user), std::move(done)});
  if (waiting.size() == 1) load(name, query);
}

void FeedLibrary::load(const std::string& name, const FeedQuery& query) {
  auto op = open_feed_op(query, primary_key_);
  if (!op) {
    return storage_.ask(
        store::StorageLane::directory, store::BarrierOp{}, alive_,
        [this, name, error = op.error()](const auto&) { finish(name, tl::unexpected(error)); });
  }
  storage_.ask(store::StorageLane::directory, std::move(*op), alive_,
               [this, name, query](Result<store::OpenFeed> opened) {
                 loaded(name, query, std::move(opened));
               });
}

void FeedLibrary::loaded(const std::string& name, const FeedQuery& query,
                         Result<store::OpenFeed> opened) {
  if (!opened) return finish(name, tl::unexpected(open_error(query, opened.error())));
  const auto number = opened->record.number;
  const auto dropping = dropping_.find(number);
  if (dropping != dropping_.end()) return dropping->second.push_back({name, query});
  if (closed_.erase(number) > 0) {
    // Operations of when it was open before may still be under way: behind them it is loaded once
    // more, so that it holds what they write, and none comes back to it.
    return storage_.ask(store::lane_of(number), store::BarrierOp{}, alive_,
                        [this, name, query](const auto&) { load(name, query); });
  }
  take_in(std::move(*opened));
  finish(name, number);
}

void FeedLibrary::create(store::NewWriter wanted, std::string user, OnOpen done) {
  wanted.created = now().wall;
  storage_.ask(
      store::StorageLane::directory,
      store::CreateFeedOp{primary_key_, wanted, store::FreshSecrets::draw(random_)}, alive_,
      [this, wanted, user = std::move(user),
       done = std::move(done)](Result<store::OpenFeed> opened) {
        if (!opened) return done(tl::unexpected(create_error(wanted, opened.error())));
        const auto number = opened->record.number;
        const bool is_random =
            opened->signer && !is_derived(primary_key_, opened->record, *opened->signer);
        take_in(std::move(*opened));
        open_.at(number).length_asked = is_random;  // of a fresh key nobody can hold a history
        done(use(number, user));
      });
}

// The feed may be open already: then what was loaded beside it is thrown away.
void FeedLibrary::take_in(store::OpenFeed loaded) {
  const auto number = loaded.record.number;
  auto& open = open_[number];
  open.encryption_key = loaded.encryption_key;
  if (participant_.hub().replication().feed(number)) return;
  open.record = loaded.record;
  open.signer = loaded.signer;
  open.restored = loaded.is_restored;
  participant_.hub().replication().add_feed(std::move(loaded.feed));
  share(open);
}

void FeedLibrary::finish(const std::string& name, Outcome<store::FeedNumber> result) {
  auto node = opening_.extract(name);
  // All of them use it before the first is told, who may be through with it at once.
  std::vector<Outcome<FeedUse>> uses;
  for (const auto& opener : node.mapped()) {
    if (result) {
      uses.emplace_back(use(*result, opener.user));
    } else {
      uses.emplace_back(tl::unexpected(result.error()));
    }
  }
  auto mine = uses.begin();
  for (auto& opener : node.mapped()) {
    auto& right = *mine++;
    auto* open = right ? find(right->number()) : nullptr;
    // Nothing can be asked of a feed whose write failed until it has been read anew.
    if (open && open->failed) {
      open->awaiting.push_back({std::move(*right), std::move(opener.done)});
    } else {
      opener.done(std::move(right));
    }
  }
  participant_.changed();
}

FeedUse FeedLibrary::use(store::FeedNumber number, const std::string& user) {
  const auto id = next_use_++;
  open_.at(number).users.emplace(id, user);
  return {number, id, Hold([this, number, id, alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) release(number, id);
          })};
}

void FeedLibrary::release(store::FeedNumber number, FeedUse::Id id) {
  auto* open = find(number);
  if (open && open->users.erase(id) > 0) close_if_unused(number);
}

// What was fetched for its last user is written before it is closed: look_after() comes back to it.
void FeedLibrary::close_if_unused(store::FeedNumber number) {
  const auto& open = open_.at(number);
  const auto& record = open.record;
  const bool kept = record.writable || record.seeded || (record.topic && !open.unwanted);
  if (!open.users.empty() || kept) return;
  if (is_worth_nothing(open, feed(number))) return evict(number);
  if (is_unwritten(open, feed(number))) return;
  note_used(number);
  participant_.hub().swarm()->leave(now(), open.record.discovery_key);
  participant_.hub().replication().remove_feed(now(), number);
  open_.erase(number);
  closed_.insert(number);
  participant_.changed();
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
  if (const auto encrypting = cipher(number)) {
    auto index = target->appended_length();
    for (auto& block : blocks) block = encrypting->encrypt(index++, target->fork(), block);
  }
  const auto count = blocks.size();
  const auto first = target->append(std::move(blocks), *open->signer);
  if (!first) return first;
  participant_.changed();
  return *first + count;
}

bool FeedLibrary::must_ask_length(store::FeedNumber number) {
  const auto& open = open_.at(number);
  if (open.restored) return true;
  const auto length = feed(number)->appended_length();
  const bool elsewhere_too = is_derived(primary_key_, open.record, *open.signer);
  if (!open.length_asked && (length > 0 || elsewhere_too)) return true;
  const auto fork = feed(number)->fork();
  return std::ranges::any_of(participant_.hub().replication().peers(number), [&](const auto& peer) {
    return !peer.rejected && (peer.fork > fork || (peer.fork == fork && peer.length > length));
  });
}

std::optional<std::uint64_t> FeedLibrary::later_fork(store::FeedNumber number) {
  const auto proved = open_.at(number).later_fork;
  return proved > feed(number)->fork() ? std::optional(proved) : std::nullopt;
}

void FeedLibrary::ask_lengths_again() {
  for (auto& [number, open] : open_) open.length_asked = false;
}

void FeedLibrary::note_length_asked(store::FeedNumber number) {
  auto& open = open_.at(number);
  open.length_asked = true;
  if (!std::exchange(open.restored, false)) return;
  storage_.ask(store::lane_of(number), store::DropStateOp{store::restored_state(open.record.key)});
}

std::optional<store::BlockCipher> FeedLibrary::cipher(store::FeedNumber number,
                                                      const std::optional<Bytes32>& given) {
  const auto* open = find(number);
  const auto* target = feed(number);
  if (!open || !target) return std::nullopt;
  const auto& key = given ? given : open->encryption_key;
  if (!key) return std::nullopt;
  return store::BlockCipher(store::derive_block_key(open->record.key, *key, target->is_compat()));
}

// Own feeds and those kept for others are served and stay connected; of the rest only what is being
// fetched is given on (decisions.md D14).
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
  const bool followed = open.following.has_value();
  follow_if_wanted(open);
  if (!followed && open.following && open.takes_share()) on_wish();
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
    if (open.takes_share()) all_of_it.end = open.follow_end;
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

void FeedLibrary::write(const store::FeedRecord& record, OnDone done) {
  storage_.ask(store::StorageLane::directory, store::UpdateFeedOp{record},
               [done = std::move(done)](const Result<void>& written) {
                 if (written) return done({});
                 done(tl::unexpected(error_from(written.error(), "writing the feed directory")));
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
  if (!open) return;
  open->unwanted = false;
  if (open->record.topic == topic) return;
  open->record.topic = topic;
  share(*open);
  write(open->record, [](const Outcome<void>&) {});
}

Result<void> FeedLibrary::truncate(store::FeedNumber number, std::uint64_t length) {
  auto* open = find(number);
  auto* target = feed(number);
  if (!open || !target || !open->signer) return fail(store::Errc::not_writer);
  if (const auto cut = target->truncate(length, *open->signer); !cut) return cut;
  open->shared_length = std::min(open->shared_length, length);
  participant_.changed();
  return {};
}

Hold FeedLibrary::serve(store::FeedNumber number) { return count(number, &OpenFeed::servers); }

Hold FeedLibrary::search(store::FeedNumber number) { return count(number, &OpenFeed::searchers); }

Hold FeedLibrary::count(store::FeedNumber number, unsigned OpenFeed::*counter) {
  auto& open = open_.at(number);
  if (++(open.*counter) == 1) share(open);
  return Hold([this, number, counter, alive = std::weak_ptr(alive_)] {
    auto* counted = alive.expired() ? nullptr : find(number);
    if (counted && --(counted->*counter) == 0) share(*counted);
  });
}

void FeedLibrary::handle(const overlay::FeedNews& news) {
  note_later_fork(news);
  const auto found = news_.find(news.feed);
  if (found != news_.end()) found->second.tell(news);
  const auto* event = std::get_if<store::FeedEvent>(&news.what);
  if (event && std::holds_alternative<store::StoreFailed>(*event)) note_failure(news.feed);
  const auto* replicated = std::get_if<overlay::ReplicatorEvent>(&news.what);
  if (!replicated || !std::holds_alternative<overlay::LengthGrew>(*replicated)) return;
  const auto* grown = find(news.feed);
  if (grown && grown->following && grown->takes_share()) on_wish();
}

// Known before those who wait for it are told.
void FeedLibrary::note_later_fork(const overlay::FeedNews& news) {
  const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what);
  const auto* proved = event ? std::get_if<overlay::LaterForkProved>(event) : nullptr;
  auto* open = proved ? find(news.feed) : nullptr;
  if (open) open->later_fork = std::max(open->later_fork, proved->fork);
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
    const auto* own = open.record.writable ? feed(entry.first) : nullptr;
    return own && open.shared_length < own->appended_length();
  });
}

}  // namespace cip::node
