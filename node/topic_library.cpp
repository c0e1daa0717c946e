#include "node/topic_library.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/log.hpp"
#include "node/names.hpp"
#include "node/store_error.hpp"
#include "overlay/topic_codec.hpp"

namespace cip::node {

// What the database says of a topic when it is joined.
struct TopicLibrary::Stored {
  std::vector<store::FeedRecord> feeds;
  std::optional<Error> error;
};

namespace {

// What uses feeds for this library, as others are told.
constexpr auto kUser = "a topic";

store::TopicRecord record_of(const TopicName& topic) {
  store::TopicRecord record;
  record.id = topic.id;
  record.key = *topic.key;
  if (!topic.is_private) record.name = topic.text;
  record.created = now().wall;
  return record;
}

TopicName name_of(const store::TopicRecord& record) {
  TopicName topic;
  topic.id = record.id;
  topic.key = record.key;
  topic.is_private = record.name.empty();
  topic.text = topic.is_private ? "topic:" + to_z32(record.key) : record.name;
  return topic;
}

}  // namespace

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

TopicLibrary::TopicLibrary(Participant& participant, FeedLibrary& feeds, StoragePool& pool,
                           const store::DatabaseInstance& instance, bool announce)
    : participant_(participant),
      feeds_(feeds),
      pool_(pool),
      announce_(announce),
      machine_(std::make_unique<overlay::Topics>(participant.hub(), *this, participant.identity(),
                                                 instance)) {
  participant_.hub().add_protocol(*machine_);
  participant_.hub().replication().add_observer(*machine_);
  feeds_.on_reloaded = [this](store::FeedNumber number) {
    if (open_.contains(number)) machine_->feed_reloaded(now(), *feeds_.feed(number));
  };
}

TopicLibrary::~TopicLibrary() = default;

void TopicLibrary::start(std::shared_ptr<void> loading) {
  auto topics = std::make_shared<Result<std::vector<store::TopicRecord>>>();
  pool_.submit(
      kDirectoryJobs, [topics](store::Backend& backend) { *topics = backend.list_topics(); },
      [this, topics, loading = std::move(loading), alive = std::weak_ptr(alive_)] {
        if (alive.expired() || !*topics) return;
        for (const auto& record : **topics) {
          join(name_of(record), false, [loading](const auto&) {});
        }
      });
}

void TopicLibrary::join(const TopicName& topic, bool author, OnDone done) {
  if (!topic.key) {
    return done(fail_with(ExitCode::usage, "only the id of the topic is known, not its key",
                          "name the topic, or give its key as topic:KEY"));
  }
  auto stored = std::make_shared<Stored>();
  pool_.submit(
      kDirectoryJobs,
      [stored, record = record_of(topic)](store::Backend& backend) {
        const auto known = backend.find_topic(record.id);
        auto written = known && !*known ? backend.put_topic(record) : Result<void>{};
        auto feeds = backend.list_topic_feeds(record.id);
        if (feeds) stored->feeds = std::move(*feeds);
        const auto error = !known ? known.error() : !written ? written.error() : std::error_code{};
        if (error || !feeds) {
          stored->error = error_from(error ? error : feeds.error(), "opening the topic");
        }
      },
      [this, stored, topic, author, done = std::move(done), alive = std::weak_ptr(alive_)] {
        if (alive.expired()) return;
        if (stored->error) return done(tl::unexpected(*stored->error));
        begin(topic, *stored, author, done);
      });
}

void TopicLibrary::begin(const TopicName& topic, const Stored& stored, bool author, OnDone done) {
  machine_->join(now(), *topic.key, topic.is_private);
  participant_.hub().swarm()->join(now(), topic.id, {.find = true, .announce = announce_});
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
  const auto number = use.number();
  if (!open_.try_emplace(number, std::move(use)).second) return;
  machine_->feed_opened(now(), topic, *feeds_.feed(number), feeds_.find(number)->signer);
  turn();
}

void TopicLibrary::handle_turn(Now time) {
  if (const auto due = machine_->next_timeout(); due && *due <= time.mono) {
    machine_->handle_timeout(time);
    turn();
  }
  while (const auto event = machine_->poll_event()) events.tell(*event);
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
  feeds_.follow(feed->number());
  replication.open(now(), conn, feed->number());
  turn();
}

void TopicLibrary::drop_feed(const Bytes32& feed_key) {
  const auto* feed = participant_.hub().replication().feed_by_key(feed_key);
  if (!feed) return;
  auto use = open_.extract(feed->number());
  if (use) feeds_.drop_unused(std::move(use.mapped()));
}

void TopicLibrary::feed_touched(store::Feed& feed) {
  static_cast<void>(feeds_.feed(feed.number()));
  turn();
}

}  // namespace cip::node
