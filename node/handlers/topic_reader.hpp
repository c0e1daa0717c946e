#pragma once

// One topic of a `subscribe` request: its messages in order per author, what is missing of them,
// and the cursor of a durable subscriber.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "node/daemon.hpp"
#include "node/hole_watch.hpp"
#include "node/operation.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

// Which messages a durable subscriber has printed, and where that is kept.
class DurableCursor {
 public:
  // `name`: of the subscriber; empty: none, and nothing is kept.
  DurableCursor(Daemon& daemon, Bytes32 topic, std::string name)
      : daemon_(daemon), topic_(topic), name_(std::move(name)) {}
  ~DurableCursor() { write(); }

  bool is_used() const { return !name_.empty(); }

  // By feed key: the seq to go on with.
  using Cursors = std::map<Bytes32, std::uint64_t>;
  void load(std::function<void(Outcome<Cursors>)> done);

  // The message was put out; it counts once `taken` has reached `put`.
  void put_out(const Bytes32& feed, std::uint64_t seq, std::uint64_t put);
  void printed(std::uint64_t taken);
  // What was printed comes again if its cursor cannot be written: whoever subscribed must know.
  using OnDone = std::function<void(Outcome<void>)>;
  OnDone on_failure = [](const Outcome<void>&) {};
  // Behind everything that is being written. `done` comes always, the cursor may be gone by then.
  void flush(OnDone done);

 private:
  struct UnderWay {
    Bytes32 feed{};
    std::uint64_t length = 0;
    std::uint64_t put = 0;
  };

  void write();

  Daemon& daemon_;
  Bytes32 topic_;
  std::string name_;
  std::deque<UnderWay> under_way_;
  Cursors unwritten_;
  TimePoint written_{};
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

class TopicReader {
 public:
  // What the request does about it.
  struct Events {
    std::function<void()> begun;  // the topic is joined: deliver() from now on
    std::function<void()> woken;  // there may be more to deliver
    std::function<void()> shown;  // a message was put out
    std::function<void(Error)> failed;
  };
  struct Wanted {
    TopicName topic;
    overlay::SubscriptionOptions options;
    std::string durable;           // name of the durable subscriber; empty: none
    DurableCursor::Cursors after;  // had from another node: beats what was noted of it there
  };

  // Both outlive it.
  TopicReader(Daemon& daemon, Output& out, Wanted wanted, Events events);
  ~TopicReader();
  TopicReader(const TopicReader&) = delete;
  TopicReader& operator=(const TopicReader&) = delete;

  void start();
  bool is_begun() const { return id_ != 0; }
  // All that the reachable peers have was put out.
  bool is_synced() const;
  // Puts out the next message, if there is one and room for it, and what is missing before it.
  bool deliver();
  // Nothing more is put out.
  void stop() { is_over_ = true; }
  // Adds the seq to go on with, by feed.
  void add_positions(Json& after) const;
  DurableCursor& cursor() { return cursor_; }

 private:
  void begin(DurableCursor::Cursors cursors);
  void show(const overlay::TopicDelivery& message);
  void show_gap(const overlay::TopicGap& gap);
  void keep(const Bytes32& feed_key);
  void tell_room(bool is_full);
  void end_with_topic();

  Daemon& daemon_;
  Output& out_;
  Wanted wanted_;
  Events events_;
  DurableCursor cursor_;
  overlay::SubscriptionId id_ = 0;
  bool is_over_ = false;
  std::optional<HoleWatch> holes_;
  Listeners<overlay::TopicEvent>::Listening listening_;
  Listeners<TopicLibrary::RoomChanged>::Listening room_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
