// subscribe: the messages of topics, in order per author.

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <set>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/handlers/handlers.hpp"
#include "node/handlers/topic_reader.hpp"
#include "node/since.hpp"

namespace cip::node {

namespace {

// How often a subscription that ends when all is here asks whether it is.
constexpr Duration kSyncedCheck = std::chrono::milliseconds(100);

// One `topic`, or several `topics`.
std::vector<std::string> topics_of(Params& params) {
  return params.has("topics") ? params.required_texts("topics")
                              : std::vector<std::string>{params.required_text("topic")};
}

class Subscribe final : public Operation {
 public:
  Subscribe(Daemon& daemon, Params& params, Output& out)
      : Operation(out),
        daemon_(daemon),
        topics_(topics_of(params)),
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

  void start() override {
    if (auto read = read_options(); !read) return out_.fail(std::move(read.error()));
    if (auto read = add_readers(); !read) return out_.fail(std::move(read.error()));
    if (count_ == std::uint64_t{0}) return out_.done();
    for (auto& reader : readers_) {
      if (!over_) reader->start();
    }
  }

  void handle_move() override {
    if (!over_) put_position();
  }
  void handle_room() override {
    for (auto& reader : readers_) reader->cursor().printed(out_.taken());
    if (over_) return end_when_printed();
    deliver();
  }

 private:
  Outcome<void> read_options() {
    auto since = parse_since(since_text_);
    if (!since) return tl::unexpected(std::move(since.error()));
    options_.since = *since;
    if (!author_text_.empty()) {
      const auto author = parse_key(author_text_);
      if (!author) {
        return fail_with(ExitCode::usage, "the author is not a key",
                         "cipnode id prints the key of a node");
      }
      options_.author = *author;
    }
    if (options_.since.kind == overlay::Since::Kind::seq && !options_.author) {
      return fail_with(ExitCode::usage, "--since with a sequence number needs --author",
                       "sequence numbers count the messages of one author");
    }
    for (const auto& [feed, seq] : after_) {
      const auto key = parse_key(feed);
      if (!key) return fail_with(ExitCode::usage, "after names feeds by their keys", "");
      positions_[*key] = seq;
    }
    return {};
  }

  // A topic that is named twice is read once.
  Outcome<void> add_readers() {
    std::set<Bytes32> known;
    for (const auto& text : topics_) {
      auto topic = parse_topic(text);
      if (!topic) return tl::unexpected(std::move(topic.error()));
      if (!topic->key) return tl::unexpected(only_id_known());
      if (!known.insert(topic->id).second) continue;
      readers_.push_back(std::make_unique<TopicReader>(
          daemon_, out_, TopicReader::Wanted{std::move(*topic), options_, durable_, positions_},
          TopicReader::Events{[this] { begun(); }, [this] { deliver(); }, [this] { shown(); },
                              [this](Error error) { fail(std::move(error)); }}));
    }
    return {};
  }

  bool is_begun() const {
    return std::ranges::all_of(readers_, [](const auto& reader) { return reader->is_begun(); });
  }

  void begun() {
    if (!over_ && is_begun()) {
      if (until_synced_) check_synced();
      restart_idle();
      put_position_later();
    }
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
    for (const auto& reader : readers_) reader->add_positions(after);
    out_.position({{"after", std::move(after)}});
  }

  // A message of each in turn, or the first would keep the others waiting for ever.
  void deliver() {
    bool any = false;
    for (std::size_t idle = 0; !over_ && idle < readers_.size();
         next_ = (next_ + 1) % readers_.size()) {
      const bool has_shown = readers_[next_]->deliver();
      idle = has_shown ? 0 : idle + 1;
      any = any || has_shown;
    }
    if (!any) return;
    // Taking messages lets the machine read ahead.
    daemon_.topics().turn();
    if (!over_ && is_begun()) restart_idle();
  }

  void shown() {
    if (count_ && ++delivered_ >= *count_) finish();
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
      const auto synced = [](const auto& reader) { return reader->is_synced(); };
      if (std::ranges::all_of(readers_, synced)) return finish();
      check_synced();
    });
  }

  void finish() {
    stop();
    end_when_printed();
  }
  void stop() {
    over_ = true;
    for (auto& reader : readers_) reader->stop();
  }

  // A cursor must not stay behind what was printed.
  void end_when_printed() {
    if (ended_ || (!durable_.empty() && out_.taken() < out_.put())) return;
    ended_ = true;
    if (durable_.empty()) return out_.done();
    flush(0);
  }
  // One cursor after the other.
  void flush(std::size_t at) {
    if (at == readers_.size()) return out_.done();
    readers_[at]->cursor().flush([this, at, alive = std::weak_ptr(alive_)](Outcome<void> written) {
      if (alive.expired()) return;
      if (!written) return out_.fail(std::move(written.error()));
      flush(at + 1);
    });
  }

  void fail(Error error) {
    if (std::exchange(ended_, true)) return;
    stop();
    out_.fail(std::move(error));
  }

  Daemon& daemon_;
  std::vector<std::string> topics_;
  std::string since_text_, author_text_, durable_;
  std::optional<std::uint64_t> count_;
  std::optional<Duration> idle_;
  bool until_synced_;
  std::map<std::string, std::uint64_t> after_;  // had already, by feed: seq of the next message
  DurableCursor::Cursors positions_;            // the same, by key
  overlay::SubscriptionOptions options_;
  std::vector<std::unique_ptr<TopicReader>> readers_;
  std::size_t next_ = 0;  // reader
  std::uint64_t delivered_ = 0;
  bool over_ = false;
  bool ended_ = false;
  asio::steady_timer idle_timer_, synced_timer_, position_timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_subscribe_handlers(HandlerTable& table) { table["subscribe"] = factory_of<Subscribe>(); }

}  // namespace cip::node
