// subscribe: the messages of a topic, in order per author.

#include <fmt/format.h>

#include <asio/steady_timer.hpp>
#include <deque>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/handlers/handlers.hpp"
#include "node/hole_watch.hpp"
#include "node/participant.hpp"
#include "node/since.hpp"
#include "node/store_error.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

// The cursor of a durable subscriber is written at most that often; a crash repeats what came
// since.
constexpr Duration kCursorEvery = std::chrono::milliseconds(200);
// How often a subscription that ends when all is here asks whether it is.
constexpr Duration kSyncedCheck = std::chrono::milliseconds(100);

// Which messages a durable subscriber has printed, and where that is kept.
class DurableCursor {
 public:
  DurableCursor(Daemon& daemon, Bytes32 topic, std::string name)
      : daemon_(daemon), topic_(topic), name_(std::move(name)) {}
  ~DurableCursor() { write(); }

  bool is_used() const { return !name_.empty(); }

  // Loads the cursors by feed key, as seq to go on with.
  using Cursors = std::map<Bytes32, std::uint64_t>;
  void load(std::function<void(Outcome<Cursors>)> done) {
    daemon_.storage().ask(
        store::StorageLane::directory, store::ReadCursorsOp{topic_, name_},
        [done = std::move(done)](Result<Cursors> read) {
          if (read) return done(std::move(*read));
          done(tl::unexpected(error_from(read.error(), "reading the subscription")));
        });
  }

  // The message was put out; it counts once `taken` has reached `put`.
  void put_out(const Bytes32& feed, std::uint64_t seq, std::uint64_t put) {
    if (is_used()) under_way_.push_back({feed, seq + 1, put});
  }
  void printed(std::uint64_t taken) {
    while (!under_way_.empty() && under_way_.front().put <= taken) {
      unwritten_[under_way_.front().feed] = under_way_.front().length;
      under_way_.pop_front();
    }
    if (now().mono - written_ >= kCursorEvery) write();
  }
  // What was printed comes again if its cursor cannot be written: whoever subscribed must know.
  using OnDone = std::function<void(Outcome<void>)>;
  OnDone on_failure = [](const Outcome<void>&) {};
  void write() {
    if (unwritten_.empty()) return;
    flush([alive = std::weak_ptr(alive_), this](Outcome<void> written) {
      if (!written && !alive.expired()) on_failure(std::move(written));
    });
  }
  // Behind everything that is being written. `done` comes always, the cursor may be gone by then.
  void flush(OnDone done) {
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
          done(
              tl::unexpected(error_from(written.error(), "writing the place of the subscription")));
        });
  }

 private:
  struct UnderWay {
    Bytes32 feed{};
    std::uint64_t length = 0;
    std::uint64_t put = 0;
  };
  Daemon& daemon_;
  Bytes32 topic_;
  std::string name_;
  std::deque<UnderWay> under_way_;
  Cursors unwritten_;
  TimePoint written_{};
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

class Subscribe final : public Operation {
 public:
  Subscribe(Daemon& daemon, Params& params, Output& out)
      : Operation(out),
        daemon_(daemon),
        topic_text_(params.required_text("topic")),
        since_text_(params.text("since", "new")),
        author_text_(params.text("author")),
        durable_(params.text("durable")),
        count_(params.number("count")),
        idle_(params.duration("idleMs")),
        until_synced_(params.flag("untilSynced")),
        after_(params.numbers("after")),
        idle_timer_(daemon.io()),
        synced_timer_(daemon.io()),
        position_timer_(daemon.io()) {
    options_.begun = params.duration("begunMs").value_or(Duration::zero());
  }
  ~Subscribe() override {
    if (id_ != 0) daemon_.topics().machine().unsubscribe(id_);
  }

  void start() override {
    if (!read_options()) return;
    if (count_ == std::uint64_t{0}) return out_.done();
    cursor_.emplace(daemon_, topic_.id, durable_);
    cursor_->on_failure = [this](Outcome<void> written) { fail(std::move(written.error())); };
    daemon_.topics().join(topic_, false,
                          [this, alive = std::weak_ptr(alive_)](Outcome<void> joined) {
                            if (alive.expired()) return;
                            if (!joined) return out_.fail(std::move(joined.error()));
                            if (!cursor_->is_used()) return begin({});
                            cursor_->load([this, alive](Outcome<DurableCursor::Cursors> cursors) {
                              if (alive.expired()) return;
                              if (!cursors) return out_.fail(std::move(cursors.error()));
                              begin(std::move(*cursors));
                            });
                          });
  }

  void handle_move() override {
    if (id_ != 0 && !over_) put_position();
  }
  void handle_room() override {
    if (cursor_) cursor_->printed(out_.taken());
    if (over_) return end_when_printed();
    if (id_ != 0 && !over_) deliver();
  }

 private:
  bool read_options() {
    auto topic = parse_topic(topic_text_);
    if (!topic) return out_.fail(std::move(topic.error())), false;
    topic_ = std::move(*topic);
    auto since = parse_since(since_text_);
    if (!since) return out_.fail(std::move(since.error())), false;
    options_.since = *since;
    if (!author_text_.empty()) {
      const auto author = parse_key(author_text_);
      if (!author) {
        out_.fail(
            {ExitCode::usage, "the author is not a key", "cipnode id prints the key of a node"});
        return false;
      }
      options_.author = *author;
    }
    if (options_.since.kind == overlay::Since::Kind::seq && !options_.author) {
      out_.fail({ExitCode::usage, "--since with a sequence number needs --author",
                 "sequence numbers count the messages of one author"});
      return false;
    }
    return true;
  }

  // What the reader has had from another node beats what was noted of it there.
  bool read_positions(DurableCursor::Cursors cursors) {
    options_.cursors = std::move(cursors);
    for (const auto& [feed, seq] : after_) {
      const auto key = parse_key(feed);
      if (!key) return out_.fail({ExitCode::usage, "after names feeds by their keys", {}}), false;
      auto& cursor = options_.cursors[*key];
      cursor = std::max(cursor, seq);
    }
    return true;
  }

  void begin(DurableCursor::Cursors cursors) {
    if (!read_positions(std::move(cursors))) return;
    const auto id = daemon_.topics().machine().subscribe(now(), topic_.id, options_);
    if (!id) return out_.fail(error_from(id.error(), "subscribing"));
    id_ = *id;
    listening_ = daemon_.topics().events.listen([this](const overlay::TopicEvent& event) {
      const auto* left = std::get_if<overlay::TopicLeft>(&event);
      if (left && left->topic == topic_.id) return end_with_topic();
      const auto* woken = std::get_if<overlay::SubscriptionWoken>(&event);
      if (woken && woken->subscription == id_ && !over_) deliver();
    });
    holes_.emplace(daemon_, topic_.id, id_);
    if (daemon_.topics().is_full()) tell_room(true);
    room_ = daemon_.topics().room.listen([this](const TopicLibrary::RoomChanged& changed) {
      if (!over_) tell_room(changed.is_full);
    });
    daemon_.topics().turn();
    if (until_synced_) check_synced();
    restart_idle();
    put_position_later();
    deliver();
  }

  // Once it is known where authors begin of whom nothing was put out yet: a node that is killed
  // cannot say it any more.
  void put_position_later() {
    position_timer_.expires_after(overlay::kLearnTime + kSyncedCheck);
    position_timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (!error && !alive.expired() && !over_) put_position();
    });
  }
  void put_position() {
    Json after = Json::object();
    for (const auto& [feed, seq] : daemon_.topics().machine().positions(id_)) {
      after[to_z32(feed)] = seq;
    }
    out_.position({{"after", std::move(after)}});
  }

  void deliver() {
    auto& machine = daemon_.topics().machine();
    bool any = false;
    while (!over_ && out_.room() > 0) {
      while (const auto gap = machine.poll_gap(id_)) show_gap(*gap);
      const auto message = machine.poll_message(id_);
      if (!message) break;
      any = true;
      show(*message);
      if (count_ && ++delivered_ >= *count_) finish();
    }
    // Taking messages lets the machine read ahead.
    if (any) {
      daemon_.topics().turn();
      if (!over_) restart_idle();
    }
  }

  // What a durable subscriber reads stays on disk (decisions.md D15).
  void keep(const Bytes32& feed_key) {
    const auto* feed = daemon_.participant().hub().replication().feed_by_key(feed_key);
    if (feed) daemon_.feeds().keep(feed->number());
  }

  void show(const overlay::TopicDelivery& message) {
    if (cursor_->is_used()) keep(message.feed);
    Json object{{"topic", topic_.text},
                {"feed", to_z32(message.feed)},
                {"author", to_z32(message.author)},
                {"seq", message.seq},
                {"time", message.time.value}};
    add_payload(object, message.data);
    out_.result(object);
    cursor_->put_out(message.feed, message.seq, out_.put());
    cursor_->printed(out_.taken());
  }

  // What is gone for good is said (topics.md 4).
  void show_gap(const overlay::TopicGap& gap) {
    Json author = nullptr;
    for (const auto& feed : daemon_.topics().machine().feeds(topic_.id)) {
      if (feed.key == gap.feed && feed.header) author = to_z32(feed.header->author);
    }
    out_.result({{"event", "missing"},
                 {"topic", topic_.text},
                 {"feed", to_z32(gap.feed)},
                 {"author", std::move(author)},
                 {"from", gap.from},
                 {"to", gap.to - 1}});
  }

  void tell_room(bool is_full) {
    out_.notice(
        is_full ? fmt::format("there is no room for more messages of others to {}: what they write "
                              "now waits there (raise it with: cipnode join --quota SIZE; or make "
                              "room with topic drop, feed unseed, feed drop)",
                              topic_.text)
                : fmt::format("there is room for messages of others to {} again", topic_.text));
  }

  void end_with_topic() {
    holes_.reset();
    id_ = 0;
    fail({ExitCode::not_found, fmt::format("the topic {} was dropped", topic_.text),
          "subscribe again to take part in it once more"});
  }

  void restart_idle() {
    if (!idle_ || *idle_ == Duration::zero()) return;
    idle_timer_.expires_after(*idle_);
    idle_timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (!error && !alive.expired() && !over_) finish();
    });
  }

  void check_synced() {
    synced_timer_.expires_after(kSyncedCheck);
    synced_timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (error || alive.expired() || over_) return;
      if (daemon_.topics().machine().is_synced(id_)) return finish();
      check_synced();
    });
  }

  void finish() {
    over_ = true;
    end_when_printed();
  }
  // A cursor must not stay behind what was printed.
  void end_when_printed() {
    if (ended_ || (cursor_->is_used() && out_.taken() < out_.put())) return;
    ended_ = true;
    if (!cursor_->is_used()) return out_.done();
    cursor_->flush([this, alive = std::weak_ptr(alive_)](Outcome<void> written) {
      if (alive.expired()) return;
      if (!written) return out_.fail(std::move(written.error()));
      out_.done();
    });
  }
  void fail(Error error) {
    if (std::exchange(ended_, true)) return;
    over_ = true;
    out_.fail(std::move(error));
  }

  Daemon& daemon_;
  std::string topic_text_, since_text_, author_text_, durable_;
  std::optional<std::uint64_t> count_;
  std::optional<Duration> idle_;
  bool until_synced_;
  std::map<std::string, std::uint64_t> after_;  // had already, by feed: seq of the next message
  TopicName topic_;
  overlay::SubscriptionOptions options_;
  std::optional<DurableCursor> cursor_;
  overlay::SubscriptionId id_ = 0;
  std::uint64_t delivered_ = 0;
  bool over_ = false;
  bool ended_ = false;
  std::optional<HoleWatch> holes_;
  Listeners<overlay::TopicEvent>::Listening listening_;
  Listeners<TopicLibrary::RoomChanged>::Listening room_;
  asio::steady_timer idle_timer_, synced_timer_, position_timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_subscribe_handlers(HandlerTable& table) { table["subscribe"] = factory_of<Subscribe>(); }

}  // namespace cip::node
