#pragma once

// What one peer has asked of a feed and was not answered yet (feeds.md 10.5). Answers leave in the
// order of the requests, whatever order the disk gives them in; only requests with a priority
// overtake those that were not begun.

#include <cstdint>
#include <deque>
#include <optional>
#include <variant>

#include "base/number_map.hpp"
#include "base/time.hpp"
#include "overlay/feed_messages.hpp"
#include "store/feed.hpp"

namespace cip::overlay {

class ReplyQueue {
 public:
  // A repeated id replaces the older request.
  void push(RequestMessage request);
  void cancel(std::uint64_t id);

  // The next request to begin with; nullptr when there is none. Follow with begin() or
  // finish_now().
  const RequestMessage* next_waiting() const;
  // The feed works on it under this ticket, which is greater than those before.
  void begin(store::Ticket ticket);
  // It is answered without the feed: `message` of `type` goes out, not before `due`.
  void answer(FeedMessage type, Bytes message, TimePoint due = {});
  // The request that a ticket belongs to; nullptr when unknown or cancelled.
  const RequestMessage* find(store::Ticket ticket) const;
  // The answer for a ticket. False when the ticket is unknown; cancelled ones are taken silently.
  bool finish(store::Ticket ticket, FeedMessage type, Bytes message, TimePoint due = {});

  struct Reply {
    FeedMessage type = FeedMessage::data;
    Bytes message;
  };
  // The next answer in order, if it is ready and due.
  std::optional<Reply> pop(TimePoint now);
  // When an answer that is ready becomes due, if one waits for that.
  std::optional<TimePoint> next_due() const;

  std::size_t size() const { return entries_.size(); }
  std::size_t waiting() const { return entries_.size() - begun_; }
  std::size_t begun() const { return begun_; }

 private:
  struct Entry {
    RequestMessage request;
    store::Ticket ticket = 0;  // ascending; answered without the feed: that of the one before
    bool cancelled = false;
    bool ready = false;
    TimePoint due{};
    Reply reply;
  };

  Entry* find_entry(store::Ticket ticket);

  std::deque<Entry> entries_;  // the first begun_ of them were begun
  std::size_t begun_ = 0;
  store::Ticket last_ticket_ = 0;
  NumberMap<std::monostate> ids_;  // of entries that are not cancelled
};

}  // namespace cip::overlay
