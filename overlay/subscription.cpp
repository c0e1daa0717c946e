#include "overlay/subscription.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace cip::overlay {

Subscription::Subscription(Now now, SubscriptionOptions options)
    : options_(std::move(options)), started_(now) {
  started_.mono -= options_.begun;
}

std::optional<std::uint64_t> Subscription::first_block(Now now, const Bytes32& feed,
                                                       const Cursor& cursor) const {
  if (const auto durable = options_.cursors.find(feed); durable != options_.cursors.end()) {
    return std::max<std::uint64_t>(durable->second, 1);
  }
  switch (options_.since.kind) {
    case Since::Kind::start:
    case Since::Kind::time:
      return 1;
    case Since::Kind::seq:
      return std::max<std::uint64_t>(options_.since.number, 1);
    case Since::Kind::last: {
      if (now.mono < learned_at()) return std::nullopt;
      const std::uint64_t wanted = std::min(options_.since.number, cursor.learned);
      return std::max<std::uint64_t>(cursor.learned - wanted, 1);
    }
    case Since::Kind::only_new:
      break;
  }
  // Of what others held already, some may have been written since the subscription began.
  return std::max<std::uint64_t>(cursor.began, 1);
}

void Subscription::see_feed(Now now, const Bytes32& feed, const FeedLengths& lengths) {
  Cursor& cursor = cursors_[feed];
  if (now.mono < learned_at() || !cursor.seen) {
    cursor.seen = true;
    cursor.learned = std::max(cursor.learned, lengths.known);
    cursor.old = std::max(cursor.old, lengths.old);
  }
  if (cursor.next_read) return;
  cursor.next_read = first_block(now, feed, cursor);
  cursor.next_out = cursor.next_read.value_or(0);
}

// What was learnt here decides, not what an author's clock says: what comes while the subscription
// lives is always shown, and of history what was written late enough by the clock here.
bool Subscription::is_wanted(const Bytes32& feed, const Cursor& cursor,
                             const TopicDelivery& message) const {
  const bool is_live = message.seq >= std::max(cursor.old, cursor.began);
  if (is_live || options_.cursors.contains(feed)) return true;
  switch (options_.since.kind) {
    case Since::Kind::only_new:
      return message.written >= started_.mono;
    case Since::Kind::time:
      return message.written >= started_.mono - options_.since.ago;
    default:
      return true;
  }
}

std::optional<std::uint64_t> Subscription::position(const Bytes32& feed) const {
  const auto found = cursors_.find(feed);
  return found == cursors_.end() ? std::nullopt : found->second.next_read;
}

void Subscription::pass_over(const Bytes32& feed, std::uint64_t floor) {
  Cursor& cursor = cursors_.at(feed);
  const bool is_reading = cursor.next_read && cursor.next_out != *cursor.next_read;
  if (!cursor.next_read || is_reading || *cursor.next_read >= floor) return;
  // Of history it cannot be known whether it was wanted.
  const bool is_filtered =
      options_.since.kind == Since::Kind::only_new || options_.since.kind == Since::Kind::time;
  const auto from = is_filtered ? std::max(*cursor.next_read, cursor.old) : *cursor.next_read;
  if (from < floor) gaps_.push_back({feed, from, floor});
  cursor.next_read = cursor.next_out = floor;
}

std::optional<TopicGap> Subscription::take_gap() {
  if (gaps_.empty()) return std::nullopt;
  const TopicGap gap = gaps_.front();
  gaps_.pop_front();
  return gap;
}

std::optional<std::uint64_t> Subscription::next_read(const Bytes32& feed, std::uint64_t available) {
  const auto found = cursors_.find(feed);
  if (found == cursors_.end() || !found->second.next_read || !has_room()) return std::nullopt;
  std::uint64_t& next = *found->second.next_read;
  if (next >= available) return std::nullopt;
  ++held_;
  return next++;
}

void Subscription::put(const Bytes32& feed, std::uint64_t index,
                       std::optional<TopicDelivery> message) {
  const auto found = cursors_.find(feed);
  CIP_ASSERT(found != cursors_.end());
  Cursor& cursor = found->second;
  if (message && !is_wanted(feed, cursor, *message)) message.reset();
  if (message) held_bytes_ += message->data.size();
  cursor.early.emplace(index, std::move(message));
  for (auto next = cursor.early.begin();
       next != cursor.early.end() && next->first == cursor.next_out;
       next = cursor.early.erase(next)) {
    ++cursor.next_out;
    if (next->second) {
      ready_.push_back(std::move(*next->second));
    } else {
      --held_;
    }
  }
}

std::optional<TopicDelivery> Subscription::take() {
  if (ready_.empty()) return std::nullopt;
  TopicDelivery out = std::move(ready_.front());
  ready_.pop_front();
  --held_;
  held_bytes_ -= out.data.size();
  return out;
}

std::map<Bytes32, std::uint64_t> Subscription::positions() const {
  const auto& since = options_.since;
  std::map<Bytes32, std::uint64_t> out;
  for (const auto& [feed, cursor] : cursors_) {
    const auto last = since.kind == Since::Kind::last ? std::min(since.number, cursor.learned) : 0;
    out[feed] =
        cursor.next_read ? cursor.next_out : std::max<std::uint64_t>(cursor.learned - last, 1);
  }
  for (auto message = ready_.rbegin(); message != ready_.rend(); ++message) {
    out[message->feed] = message->seq;
  }
  return out;
}

bool Subscription::has_delivered(const Bytes32& feed, std::uint64_t length) const {
  const auto found = cursors_.find(feed);
  if (found == cursors_.end() || !found->second.next_read) return false;
  return found->second.next_out >= length && ready_.empty();
}

}  // namespace cip::overlay
