// publish: input becomes messages of the own feed for a topic.

#include <fmt/format.h>

#include <asio/steady_timer.hpp>
#include <deque>

#include "base/text.hpp"
#include "node/block_cutter.hpp"
#include "node/clock.hpp"
#include "node/continuation.hpp"
#include "node/disk_keeper.hpp"
#include "node/handlers/handlers.hpp"
#include "node/json_rpc.hpp"
#include "node/length_check.hpp"
#include "node/participant.hpp"
#include "node/store_error.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

// Published and not durable yet, in bytes and number; above it the input waits.
constexpr std::size_t kPublishAhead = 4 << 20;
constexpr std::size_t kMaxMessagesAhead = 16'384;
// A node that ends with the command waits so long for one peer to write the message (cli.md).
constexpr Duration kHandOver = std::chrono::seconds(10);
// Without a confirmation for so long nobody is left who could give one (cli.md); a time that the
// user gives counts instead.
constexpr Duration kConfirmSilence = std::chrono::seconds(30);

class Publish final : public Operation {
 public:
  Publish(Daemon& daemon, Params& params, Output& out)
      : Operation(out),
        daemon_(daemon),
        topic_text_(params.required_text("topic")),
        cutter_({.lines = params.flag("lines"),
                 .block_size = std::nullopt,
                 .largest = overlay::kMaxTopicMessage}),
        confirm_(params.number("confirm").value_or(0)),
        assumes_latest_(params.flag("assumeLatest")),
        has_time_(params.duration("timeoutMs").has_value()),
        hand_over_(confirm_ == 0 && daemon.role() == HomeRole::in_process),
        timer_(daemon.io()) {}

  void start() override {
    auto topic = parse_topic(topic_text_);
    if (!topic) return out_.fail(std::move(topic.error()));
    topic_ = std::move(*topic);
    daemon_.topics().join(topic_, true,
                          [this, alive = std::weak_ptr(alive_)](Outcome<void> joined) {
                            if (alive.expired() || over_) return;
                            if (!joined) return out_.fail(std::move(joined.error()));
                            ask_length();
                          });
  }

  void handle_input(ByteView bytes) override {
    if (moving_) return;
    if (!begun_) return cip::append(early_, bytes);
    take(bytes);
  }
  void handle_input_end() override {
    if (moving_) return;
    ended_ = true;
    if (begun_) finish_input();
  }
  // Lines that were complete are published; the rest is a part of a message, which nobody meant.
  void handle_input_error(Error error) override {
    if (moving_) return;
    input_error_ = std::move(error);
    ended_ = true;
    if (begun_) finish_input();
  }

  // A commit makes thousands of messages durable; what is reported of them goes out in parts.
  void handle_room() override { settle(); }

  // What was taken is published here; the rest of the input is for the other node.
  void handle_move() override {
    if (over_ || finished_) return;
    moving_ = true;
    settle();
  }

  void handle_deadline() override {
    if (waiting_.empty() || waiting_.front().seq >= durable_) return Operation::handle_deadline();
    out_.fail(
        {ExitCode::unconfirmed,
         fmt::format(
             "message {} is written here, but {} of {} confirmations came", waiting_.front().seq,
             daemon_.topics().machine().confirmations(topic_.id, waiting_.front().seq), confirm_),
         "it is kept and delivered when a subscriber comes"});
  }

 private:
  struct Message {
    std::uint64_t seq = 0;
    std::size_t bytes = 0;
  };

  void ask_length() {
    const auto key = daemon_.topics().machine().own_feed(topic_.id);
    feed_ = key;
    const auto* feed = key ? daemon_.participant().hub().replication().feed_by_key(*key) : nullptr;
    if (!feed) return begin();
    use_ = daemon_.feeds().use(feed->number(), command_);
    failing_ = daemon_.feeds().watch(
        feed->number(), [this](const overlay::FeedNews& news) { look_for_failure(news); });
    LengthCheckOptions options{.peers = {}, .target = topic_.id, .assumes_latest = assumes_latest_};
    if (daemon_.topics().has_published_here(topic_.id)) options.silence = kShortPatience;
    check_.emplace(daemon_.participant(), daemon_.feeds(), daemon_, feed->number(), options,
                   [this](Outcome<void> length) {
                     if (!length) return fail(std::move(length.error()));
                     begin();
                   });
  }

  void begin() {
    if (over_) return;
    begun_ = true;
    listening_ =
        daemon_.topics().events.listen([this](const overlay::TopicEvent& event) { handle(event); });
    take(std::exchange(early_, {}));
    if (ended_) finish_input();
  }

  void take(ByteView bytes) {
    if (over_ || !publish(cutter_.feed(bytes))) return;
    if (cutter_.is_too_large()) {
      return fail(
          {ExitCode::usage,
           fmt::format("a message has at most 1 MiB ({} bytes); {} were published before it",
                       overlay::kMaxTopicMessage, published_),
           "publish it in parts, or use a feed"});
    }
    held_back_ += bytes.size();
    give_room();
  }

  bool publish(const std::vector<Bytes>& messages) {
    if (messages.empty()) return true;
    std::uint64_t size = 0;
    for (const auto& message : messages) size += message.size();
    if (auto may = daemon_.may_append(); !may) return fail(std::move(may.error())), false;
    if (auto room = daemon_.disk().admit(size); !room) return fail(std::move(room.error())), false;
    const auto first = daemon_.topics().publish(topic_.id, messages);
    if (!first) return fail(error_from(first.error(), "publishing")), false;
    auto seq = *first;
    for (const auto& message : messages) {
      waiting_.push_back({seq++, message.size()});
      ahead_ += message.size();
    }
    published_ += messages.size();
    daemon_.topics().turn();
    return true;
  }

  void finish_input() {
    if (over_ || (!input_error_ && !publish(cutter_.finish()))) return;
    finished_ = true;
    if (hand_over_ && !waiting_.empty()) {
      out_.notice(
          "--no-daemon: this node ends with the command, so it waits up to 10 s until one "
          "peer wrote the message");
      timer_.expires_after(kHandOver);
      timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
        if (error || alive.expired()) return;
        hand_over_ = false;
        out_.notice(
            "no peer wrote it: it is kept here, and delivered when a node of this home runs "
            "again while a subscriber is there");
        settle();
      });
    }
    settle();
  }

  void look_for_failure(const overlay::FeedNews& news) {
    const auto* event = std::get_if<store::FeedEvent>(&news.what);
    const auto* broken = event ? std::get_if<store::StoreFailed>(event) : nullptr;
    if (broken && !over_) fail(error_from(broken->reason, "writing the messages"));
  }

  void handle(const overlay::TopicEvent& event) {
    const auto* left = std::get_if<overlay::TopicLeft>(&event);
    if (left && left->topic == topic_.id && !over_) {
      return fail({ExitCode::not_found, fmt::format("the topic {} was dropped", topic_.text),
                   "publish again to take part in it once more"});
    }
    if (const auto* published = std::get_if<overlay::TopicPublished>(&event)) {
      if (published->feed == feed_) durable_ = std::max(durable_, published->length);
    }
    settle();
  }

  // Messages are reported in order, each when it is durable and as many peers wrote it as were
  // asked for.
  void settle() {
    if (over_) return;
    auto& machine = daemon_.topics().machine();
    const std::uint64_t wanted = confirm_ > 0 ? confirm_ : hand_over_ ? 1 : 0;
    while (!waiting_.empty() && waiting_.front().seq < durable_ && out_.room() > 0) {
      const auto message = waiting_.front();
      const auto confirmed = machine.confirmations(topic_.id, message.seq);
      if (confirmed < wanted) {
        await_confirmation(message.seq, confirmed);
        break;
      }
      out_.result({{"topic", topic_.text},
                   {"feed", feed_ ? Json(to_z32(*feed_)) : Json(nullptr)},
                   {"seq", message.seq},
                   {"bytes", message.bytes},
                   {"confirmed", confirmed}});
      ahead_ -= message.bytes;
      waiting_.pop_front();
    }
    give_room();
    if (moving_ && waiting_.empty()) return hand_on();
    if (finished_ && waiting_.empty()) {
      if (input_error_) {
        input_error_->message +=
            published_ == 0 ? "; nothing was published"
                            : fmt::format("; {} messages before that are published", published_);
        return fail(std::move(*input_error_));
      }
      over_ = true;
      out_.done();
    }
  }

  // All that was published has been told.
  void hand_on() {
    over_ = true;
    cip::node::hand_on(out_, Json::object(), cutter_.part());
  }

  void await_confirmation(std::uint64_t seq, std::size_t confirmed) {
    if (confirm_ == 0 || has_time_ || awaited_ == std::pair(seq, confirmed)) return;
    awaited_ = {seq, confirmed};
    timer_.expires_after(kConfirmSilence);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (error || alive.expired() || over_ || waiting_.empty()) return;
      over_ = true;
      handle_deadline();
    });
  }

  void give_room() {
    if (held_back_ == 0 || ahead_ > kPublishAhead || waiting_.size() > kMaxMessagesAhead) return;
    out_.consumed(std::exchange(held_back_, 0));
  }

  void fail(Error error) {
    if (std::exchange(over_, true)) return;
    out_.fail(std::move(error));
  }

  Daemon& daemon_;
  std::string topic_text_;
  TopicName topic_;
  BlockCutter cutter_;
  std::uint64_t confirm_;
  bool assumes_latest_;
  bool has_time_;
  bool hand_over_;  // this node ends with the command: someone should have the messages first
  Bytes early_;
  std::deque<Message> waiting_;                                   // not reported yet
  std::optional<std::pair<std::uint64_t, std::size_t>> awaited_;  // message, and who confirmed it
  std::size_t ahead_ = 0;
  std::size_t held_back_ = 0;
  std::size_t published_ = 0;
  std::uint64_t durable_ = 0;    // own messages below this are
  std::optional<Bytes32> feed_;  // the own one of the topic
  FeedUse use_;
  std::optional<LengthCheck> check_;
  std::optional<Error> input_error_;
  bool begun_ = false, ended_ = false, finished_ = false, over_ = false;
  bool moving_ = false;  // the node makes way: no more input is taken here
  Listeners<overlay::TopicEvent>::Listening listening_;
  FeedLibrary::News::Listening failing_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_publish_handlers(HandlerTable& table) { table["publish"] = factory_of<Publish>(); }

}  // namespace cip::node
