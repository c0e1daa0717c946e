#include "node/topic_library.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/log.hpp"
#include "node/names.hpp"
#include "node/store_error.hpp"
#include "overlay/topic_codec.hpp"

namespace cip::node {

namespace {

// What uses feeds for this library, as others are told.
constexpr auto kUser = "a topic";

// The state that holds the mark of the home when it published to the topic last.
std::string published_name(const Bytes32& topic) { return "published/" + to_hex(topic); }

store::TopicRecord record_of(const TopicName& topic) {
  store::TopicRecord record;
  record.id = topic.id;
  record.key = *topic.key;
  if (!topic.is_private) record.name = topic.text;
  record.created = now().wall;
  return record;
}

// What is kept of a topic beside its record and feeds, in this order.
std::vector<std::string> states_of(const Bytes32& topic) {
  return {author_memory_name(topic), own_clock_name(topic), published_name(topic)};
}

void save_state(store::StorageRequests& storage, std::string name, Bytes value) {
  storage.ask(store::StorageLane::directory, store::PutStateOp{std::move(name), std::move(value)});
}

PublishedHere::Ways ways_of(store::StorageRequests& storage, HomeMark& mark) {
  const auto renew = [&mark](std::function<void(std::string)> done) {
    mark.renew(std::move(done));
  };
  const auto save = [&storage](const Bytes32& topic, const std::string& noted) {
    save_state(storage, published_name(topic), to_bytes(bytes_of(noted)));
  };
  return {renew, save};
}

}  // namespace

Error only_id_known() {
  return {ExitCode::usage, "only the id of the topic is known, not its key",
          "name the topic, or give its key as topic:KEY"};
}

TopicName name_of(const store::TopicRecord& record) {
  TopicName topic;
  topic.id = record.id;
  topic.key = record.key;
  topic.is_private = record.name.empty();
  topic.text = topic.is_private ? "topic:" + to_z32(record.key) : record.name;
  return topic;
}

Outcome<TopicName> parse_topic(const std::string& text) {
  TopicName topic;
  topic.text = text;
  if (text.starts_with("id:")) {
    const auto id = from_hex(text.substr(3));
    if (!id || id->size() != 32) {
      return fail_with(ExitCode::usage, "a bare target is 64 hex digits after id:",
                       "name the topic, or give its key as topic:KEY");
    }
    topic.id = first_bytes<32>(*id);
    return topic;
  }
  if (text.starts_with("topic:")) {
    const auto key = parse_key(text.substr(6));
    if (!key) {
      return fail_with(ExitCode::usage, "a private topic is 52 letters of z-base-32 after topic:",
                       "cipnode topic create --private makes one");
    }
    topic.key = *key;
    topic.is_private = true;
  } else {
    if (const auto fault = topic_name_fault(text)) {
      return fail_with(ExitCode::usage, *fault,
                       "choose another name; a private topic is topic:KEY, a bare target id:HEX");
    }
    topic.key = overlay::open_topic_key(text);
  }
  topic.id = overlay::topic_id(*topic.key);
  return topic;
}

TopicLibrary::TopicLibrary(Participant& participant, FeedLibrary& feeds,
                           store::StorageRequests& storage, const store::DatabaseInstance& instance,
                           bool announce, HomeMark& mark)
    : participant_(participant),
      feeds_(feeds),
      storage_(storage),
      announce_(announce),
      machine_(std::make_unique<overlay::Topics>(participant.hub().channels(), *this,
                                                 participant.identity(), instance)),
      published_(mark.found(), ways_of(storage, mark)) {
  participant_.hub().channels().add_protocol(*machine_);
  participant_.hub().replication().add_observer(*machine_);
  feeds_.on_reloaded = [this](store::FeedNumber number) {
    if (open_.contains(number)) machine_->feed_reloaded(now(), *feeds_.feed(number));
  };
}

TopicLibrary::~TopicLibrary() = default;

void TopicLibrary::start(std::shared_ptr<void> loading) {
  storage_.ask(
      store::StorageLane::directory, store::ListTopicsOp{}, alive_,
      [this, loading = std::move(loading)](const Result<std::vector<store::TopicRecord>>& topics) {
        if (!topics) return;
        for (const auto& record : *topics) {
          join(name_of(record), false, [loading](const auto&) {});
        }
      });
}

void TopicLibrary::join(const TopicName& topic, bool author, OnDone done) {
  if (!topic.key) {
    return done(tl::unexpected(only_id_known()));
  }
  storage_.ask(
      store::StorageLane::directory, store::OpenTopicOp{record_of(topic), states_of(topic.id)},
      alive_,
      [this, topic, author, done = std::move(done)](const Result<store::StoredTopic>& stored) {
        if (stored) return begin(topic, *stored, author, done);
        done(tl::unexpected(error_from(stored.error(), "opening the topic")));
      });
}

void TopicLibrary::begin(const TopicName& topic, const store::StoredTopic& stored, bool author,
                         OnDone done) {
  machine_->join(now(), *topic.key, topic.is_private);
  participant_.hub().swarm()->join(now(), topic.id, {.find = true, .announce = announce_});
  const auto& authors = stored.states[0];
  const auto& clock = stored.states[1];
  const auto& published = stored.states[2];
  memories_.emplace(topic.id, authors ? load_author_memories(*authors) : AuthorMemories{});
  own_clocks_.emplace(topic.id, clock ? OwnClock::load(*clock) : OwnClock{});
  clock_shown_ = 0;
  published_.restore(topic.id, published ? std::string(text_of(*published)) : std::string());
  bool has_own = false;
  for (const auto& record : stored.feeds) has_own = has_own || record.writable;
  // Goes off when the last of the feeds is open, or at once if there is none.
  auto last = std::shared_ptr<OnDone>(new OnDone([this, id = topic.id, author, has_own,
                                                  done = std::move(done)](const Outcome<void>&) {
                                        if (author && !has_own) return make_own_feed(id, done);
                                        done({});
                                      }),
                                      [alive = std::weak_ptr(alive_)](OnDone* callback) {
                                        const std::unique_ptr<OnDone> owner(callback);
                                        if (!alive.expired()) (*owner)({});
                                      });
  for (const auto& record : stored.feeds) open_stored(topic.id, record.key, last);
  participant_.changed();
}

void TopicLibrary::open_stored(const Bytes32& topic, const Bytes32& key,
                               std::shared_ptr<OnDone> last) {
  FeedQuery query;
  query.key = key;
  query.create = false;
  feeds_.open(std::move(query), kUser,
              [this, topic, key, last = std::move(last),
               alive = std::weak_ptr(alive_)](Outcome<FeedUse> use) {
                if (alive.expired()) return;
                if (use) return give(topic, std::move(*use));
                log(Floor::store, LogLevel::warning, "{}", use.error().message);
                machine_->feed_failed(topic, key);
              });
}

// Two who publish for the first time at once found no own feed, both of them: they get the same.
void TopicLibrary::make_own_feed(const Bytes32& topic, OnDone done) {
  if (machine_->own_feed(topic)) return done({});
  auto& waiting = making_[topic];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;
  store::NewWriter wanted;
  wanted.topic = topic;
  feeds_.create(wanted, kUser, [this, topic, alive = std::weak_ptr(alive_)](Outcome<FeedUse> use) {
    if (alive.expired()) return;
    const auto made = use ? Outcome<void>{} : tl::unexpected(use.error());
    if (use) give(topic, std::move(*use));
    const auto told = making_.extract(topic);
    for (const auto& each : told.mapped()) each(made);
  });
}

// Hands an open feed to the machine, once, and keeps it open.
void TopicLibrary::give(const Bytes32& topic, FeedUse use) {
  // The topic was left meanwhile.
  if (!machine_->has_joined(topic)) return feeds_.drop_unused(std::move(use));
  const auto number = use.number();
  const auto& record = feeds_.find(number)->record;
  // A stranger may name a feed that is here for other reasons: it stays what it is.
  if (record.topic.value_or(topic) != topic || (record.writable && !record.topic)) {
    return machine_->feed_failed(topic, record.key);
  }
  if (record.disk_class == store::DiskClass::cache) feeds_.adopt(number, topic);
  if (!open_.try_emplace(number, std::move(use)).second) return;
  const auto& memories = memories_[topic];
  if (const auto known = memories.find(record.key); known != memories.end()) {
    machine_->restore_author(now(), topic, record.key, known->second);
  }
  machine_->feed_opened(now(), topic, *feeds_.feed(number), feeds_.find(number)->signer);
  turn();
}

Result<std::uint64_t> TopicLibrary::publish(const Bytes32& topic,
                                            const std::vector<Bytes>& messages) {
  const auto first = machine_->publish(now(), topic, messages);
  if (!first) return first;
  if (own_clocks_[topic].note_written(*first, clock_setting())) save_clock(topic);
  published_.note(now(), topic);
  return first;
}

bool TopicLibrary::has_published_here(const Bytes32& topic) const { return published_.has(topic); }

// A clock that was set dates own messages otherwise. (Asking how it is set costs more than this
// comparison, which a machine that slept passes too.)
void TopicLibrary::look_at_clock(Now time) {
  constexpr std::int64_t kSlackMs = 500;
  const auto shown = static_cast<std::int64_t>(time.wall.value) -
                     time.mono.time_since_epoch() / std::chrono::milliseconds(1);
  if (std::abs(shown - clock_shown_) <= kSlackMs) return;
  clock_shown_ = shown;
  for (auto& [topic, clock] : own_clocks_) {
    if (!clock.is_empty() && clock.look(clock_setting())) save_clock(topic);
  }
}

void TopicLibrary::save_clock(const Bytes32& topic) {
  save_state(storage_, own_clock_name(topic), own_clocks_.at(topic).save());
}

std::int64_t TopicLibrary::own_clock_ahead(const Bytes32& topic, std::uint64_t seq) const {
  const auto found = own_clocks_.find(topic);
  return found == own_clocks_.end() ? 0 : found->second.ahead_ms(seq);
}

void TopicLibrary::handle_turn(Now time) {
  look_at_clock(time);
  if (const auto due = machine_->next_timeout(); due && *due <= time.mono) {
    machine_->handle_timeout(time);
    turn();
  }
  while (const auto event = machine_->poll_event()) {
    const auto* clock = std::get_if<overlay::TopicClockKnown>(&*event);
    if (clock && machine_->has_joined(clock->topic)) {
      const auto floor = machine_->floor(clock->topic, clock->feed);
      remember(clock->topic, clock->feed, {floor, clock->ahead_ms});
    }
    events.tell(*event);
  }
}

void TopicLibrary::remember(const Bytes32& topic, const Bytes32& feed,
                            const overlay::Topics::AuthorMemory& memory) {
  auto& memories = memories_[topic];
  if (memories.size() >= overlay::kMaxTopicFeeds && !memories.contains(feed)) return;
  memories[feed] = memory;
  save_state(storage_, author_memory_name(topic), save_author_memories(memories));
}

void TopicLibrary::give_up(store::FeedNumber number) {
  const auto* open = feeds_.find(number);
  // Somebody reads it: it goes when that is over.
  if (!open || !open_.contains(number) || open->record.writable || open->users.size() > 1) {
    return;
  }
  const auto topic = *open->record.topic;
  const auto key = open->record.key;
  log(Floor::store, LogLevel::warning,
      "no room for the messages of {}: it goes on with those to come", to_z32(key));
  ++given_up_;
  machine_->feed_given_up(now(), topic, key);
  auto memory = memories_[topic][key];
  memory.floor = machine_->floor(topic, key);
  remember(topic, key, memory);
  open_.erase(number);
  feeds_.evict(number, [this, topic, key, alive = std::weak_ptr(alive_)] {
    if (!alive.expired() && machine_->has_joined(topic)) open_feed(topic, key);
  });
}

void TopicLibrary::set_full(bool full) {
  machine_->set_full(full);
  if (std::exchange(is_full_, full) != full) room.tell({full});
}

std::vector<store::FeedNumber> TopicLibrary::open_feeds_of(const Bytes32& topic) {
  std::vector<store::FeedNumber> out;
  for (const auto& [number, use] : open_) {
    const auto* open = feeds_.find(number);
    if (open && open->record.topic == topic) out.push_back(number);
  }
  return out;
}

void TopicLibrary::drop(const TopicName& topic, bool own_too, OnDone done) {
  // A disk that fails is met before anybody is told that the topic is gone; on a full one leaving
  // makes room.
  storage_.ask(
      store::StorageLane::directory, store::CheckTopicOp{topic.id}, alive_,
      [this, topic, own_too,
       done = std::move(done)](const Result<std::optional<store::TopicRecord>>& found) {
        if (!found) return done(tl::unexpected(error_from(found.error(), "leaving the topic")));
        if (!*found) {
          return done(fail_with(ExitCode::not_found,
                                fmt::format("this home takes no part in the topic {}", topic.text),
                                "see them with: cipnode topic ls"));
        }
        // Whether it is open already or not: now it is, with its feeds.
        join(name_of(**found), false, [this, topic, own_too, done](const Outcome<void>& joined) {
          if (!joined) return done(joined);
          drop_joined(topic, own_too, done);
        });
      });
}

Outcome<void> TopicLibrary::may_drop(const TopicName& topic, bool own_too) {
  for (const auto number : open_feeds_of(topic.id)) {
    const auto* open = feeds_.find(number);
    if (open->users.size() > 1) {
      return fail_with(ExitCode::busy, "a feed of the topic is in use by another command",
                       "end that command first");
    }
    // The first block is the header.
    const auto length = feeds_.feed(number)->appended_length();
    if (!open->record.writable || length <= 1 || own_too) continue;
    return fail_with(
        ExitCode::usage,
        fmt::format("{} of this home would be gone from here, and it could not go on "
                    "with them",
                    length == 2 ? "a message" : fmt::format("{} messages", length - 1)),
        "add --yes to leave the topic all the same");
  }
  return {};
}

void TopicLibrary::drop_joined(const TopicName& topic, bool own_too, OnDone done) {
  if (auto allowed = may_drop(topic, own_too); !allowed) return done(std::move(allowed));
  const auto numbers = open_feeds_of(topic.id);
  // Feeds that are here for other reasons stay when the topic goes: only its uses of them end,
  // after the machine has let go of them.
  std::vector<FeedUse> others;
  for (const auto& known : machine_->feeds(topic.id)) {
    const auto* feed = participant_.hub().replication().feed_by_key(known.key);
    if (!feed || std::ranges::count(numbers, feed->number()) > 0) continue;
    if (auto use = open_.extract(feed->number())) others.push_back(std::move(use.mapped()));
  }
  machine_->leave(topic.id);
  participant_.hub().swarm()->leave(now(), topic.id);
  memories_.erase(topic.id);
  own_clocks_.erase(topic.id);
  published_.forget(topic.id);
  // Goes off when the last of the feeds is gone.
  const std::shared_ptr<void> last(
      nullptr, [this, topic, done = std::move(done), alive = std::weak_ptr(alive_)](void*) {
        if (!alive.expired()) forget(topic, done);
      });
  for (const auto number : numbers) {
    if (feeds_.find(number)->record.writable) {
      feeds_.drop(std::move(open_.extract(number).mapped()), [last](const Outcome<void>&) {});
    } else {
      open_.erase(number);
      feeds_.evict(number, [last] {});
    }
  }
  turn();
}

void TopicLibrary::forget(const TopicName& topic, const OnDone& done) {
  storage_.ask(store::StorageLane::directory, store::DropTopicOp{topic.id, states_of(topic.id)},
               [done](const Result<void>& dropped) {
                 if (dropped) return done({});
                 done(tl::unexpected(error_from(dropped.error(), "leaving the topic")));
               });
}

void TopicLibrary::open_feed(const Bytes32& topic, const Bytes32& feed_key) {
  FeedQuery query;
  query.key = feed_key;
  query.topic = topic;
  feeds_.open(std::move(query), kUser,
              [this, topic, feed_key, alive = std::weak_ptr(alive_)](Outcome<FeedUse> use) {
                if (alive.expired()) return;
                if (use) return give(topic, std::move(*use));
                log(Floor::store, LogLevel::warning, "{}", use.error().message);
                machine_->feed_failed(topic, feed_key);
              });
}

void TopicLibrary::replicate_feed(overlay::ConnId conn, const Bytes32& feed_key) {
  auto& replication = participant_.hub().replication();
  const auto* feed = replication.feed_by_key(feed_key);
  if (!feed) return;
  const auto* open = feeds_.find(feed->number());
  const auto topic = open ? open->record.topic : std::nullopt;
  feeds_.follow(feed->number(), topic ? machine_->floor(*topic, feed_key) : 0);
  replication.open(now(), conn, feed->number());
  turn();
}

void TopicLibrary::drop_feed(const Bytes32& feed_key) {
  const auto* feed = participant_.hub().replication().feed_by_key(feed_key);
  if (!feed) return;
  // What is here for other reasons stays. Later, since the machine is in the middle of a call about
  // this feed.
  auto use = open_.extract(feed->number());
  if (use) feeds_.drop_unused(std::move(use.mapped()));
}

void TopicLibrary::feed_touched(store::Feed& feed) {
  static_cast<void>(feeds_.feed(feed.number()));
  turn();
}

}  // namespace cip::node
