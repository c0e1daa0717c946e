#include "node/handlers/topic_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/handlers/handlers.hpp"
#include "node/participant.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

// The cursor of a durable subscriber is written at most that often; a crash repeats what came
// since.
constexpr Duration kCursorEvery = std::chrono::milliseconds(200);

}  // namespace

void DurableCursor::load(std::function<void(Outcome<Cursors>)> done) {
  daemon_.storage().ask(
      store::StorageLane::directory, store::ReadCursorsOp{topic_, name_},
      [done = std::move(done)](Result<Cursors> read) {
        if (read) return done(std::move(*read));
        done(tl::unexpected(error_from(read.error(), "reading the subscription")));
      });
}

void DurableCursor::put_out(const Bytes32& feed, std::uint64_t seq, std::uint64_t put) {
  if (is_used()) under_way_.push_back({feed, seq + 1, put});
}

void DurableCursor::printed(std::uint64_t taken) {
  while (!under_way_.empty() && under_way_.front().put <= taken) {
    unwritten_[under_way_.front().feed] = under_way_.front().length;
    under_way_.pop_front();
  }
  if (now().mono - written_ >= kCursorEvery) write();
}

void DurableCursor::write() {
  if (unwritten_.empty()) return;
  flush([alive = std::weak_ptr(alive_), this](Outcome<void> written) {
    if (!written && !alive.expired()) on_failure(std::move(written));
  });
}

void DurableCursor::flush(OnDone done) {
  written_ = now().mono;
  std::vector<store::CursorRecord> records;
  for (const auto& [key, length] : std::exchange(unwritten_, {})) {
    const auto* feed = daemon_.participant().hub().replication().feed_by_key(key);
    if (feed) records.push_back({feed->number(), length});
  }
  daemon_.storage().ask(
      store::StorageLane::directory, store::WriteCursorsOp{topic_, name_, std::move(records)},
      [done = std::move(done)](const Result<void>& written) {
        if (written) return done({});
        done(tl::unexpected(error_from(written.error(), "writing the place of the subscription")));
      });
}

TopicReader::TopicReader(Daemon& daemon, Output& out, Wanted wanted, Events events)
    : daemon_(daemon),
      out_(out),
      wanted_(std::move(wanted)),
      events_(std::move(events)),
      cursor_(daemon, wanted_.topic.id, wanted_.durable) {
  cursor_.on_failure = [this](Outcome<void> written) {
    events_.failed(std::move(written.error()));
  };
}

TopicReader::~TopicReader() {
  if (id_ != 0) daemon_.topics().machine().unsubscribe(id_);
}

void TopicReader::start() {
  daemon_.topics().join(wanted_.topic, false,
                        [this, alive = std::weak_ptr(alive_)](Outcome<void> joined) {
                          if (alive.expired()) return;
                          if (!joined) return events_.failed(std::move(joined.error()));
                          if (!cursor_.is_used()) return begin({});
                          cursor_.load([this, alive](Outcome<DurableCursor::Cursors> cursors) {
                            if (alive.expired()) return;
                            if (!cursors) return events_.failed(std::move(cursors.error()));
                            begin(std::move(*cursors));
                          });
                        });
}

void TopicReader::begin(DurableCursor::Cursors cursors) {
  for (const auto& [feed, seq] : wanted_.after) {
    auto& cursor = cursors[feed];
    cursor = std::max(cursor, seq);
  }
  wanted_.options.cursors = std::move(cursors);
  const auto& topic = wanted_.topic.id;
  const auto id = daemon_.topics().machine().subscribe(now(), topic, wanted_.options);
  if (!id) return events_.failed(error_from(id.error(), "subscribing"));
  id_ = *id;
  listening_ = daemon_.topics().events.listen([this, topic](const overlay::TopicEvent& event) {
    const auto* left = std::get_if<overlay::TopicLeft>(&event);
    if (left && left->topic == topic) return end_with_topic();
    const auto* woken = std::get_if<overlay::SubscriptionWoken>(&event);
    if (woken && woken->subscription == id_ && !is_over_) events_.woken();
  });
  holes_.emplace(daemon_, topic, id_);
  if (daemon_.topics().is_full()) tell_room(true);
  room_ = daemon_.topics().room.listen([this](const TopicLibrary::RoomChanged& changed) {
    if (!is_over_) tell_room(changed.is_full);
  });
  daemon_.topics().turn();
  events_.begun();
}

bool TopicReader::is_synced() const { return daemon_.topics().machine().is_synced(id_); }

void TopicReader::add_positions(Json& after) const {
  if (id_ == 0) return;
  for (const auto& [feed, seq] : daemon_.topics().machine().positions(id_)) {
    after[to_z32(feed)] = seq;
  }
}

bool TopicReader::deliver() {
  if (id_ == 0 || is_over_ || out_.room() == 0) return false;
  auto& machine = daemon_.topics().machine();
  while (const auto gap = machine.poll_gap(id_)) show_gap(*gap);
  const auto message = machine.poll_message(id_);
  if (!message) return false;
  show(*message);
  events_.shown();
  return true;
}

// What a durable subscriber reads stays on disk (decisions.md D15).
void TopicReader::keep(const Bytes32& feed_key) {
  const auto* feed = daemon_.participant().hub().replication().feed_by_key(feed_key);
  if (feed) daemon_.feeds().keep(feed->number());
}

void TopicReader::show(const overlay::TopicDelivery& message) {
  if (cursor_.is_used()) keep(message.feed);
  Json object{{"topic", wanted_.topic.text},
              {"feed", to_z32(message.feed)},
              {"author", to_z32(message.author)},
              {"seq", message.seq},
              {"time", message.time.value}};
  add_payload(object, message.data);
  out_.result(object);
  cursor_.put_out(message.feed, message.seq, out_.put());
  cursor_.printed(out_.taken());
}

// What is gone for good is said (topics.md 4).
void TopicReader::show_gap(const overlay::TopicGap& gap) {
  Json author = nullptr;
  for (const auto& feed : daemon_.topics().machine().feeds(wanted_.topic.id)) {
    if (feed.key == gap.feed && feed.header) author = to_z32(feed.header->author);
  }
  out_.result({{"event", "missing"},
               {"topic", wanted_.topic.text},
               {"feed", to_z32(gap.feed)},
               {"author", std::move(author)},
               {"from", gap.from},
               {"to", gap.to - 1}});
}

void TopicReader::tell_room(bool is_full) {
  const auto& topic = wanted_.topic.text;
  out_.notice(is_full
                  ? fmt::format("there is no room for more messages of others to {}: what they "
                                "write now waits there (raise it with: cipnode join --quota SIZE; "
                                "or make room with topic drop, feed unseed, feed drop)",
                                topic)
                  : fmt::format("there is room for messages of others to {} again", topic));
}

void TopicReader::end_with_topic() {
  holes_.reset();
  id_ = 0;
  events_.failed({ExitCode::not_found, fmt::format("the topic {} was dropped", wanted_.topic.text),
                  "subscribe again to take part in it once more"});
}

}  // namespace cip::node
