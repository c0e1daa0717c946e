#include "overlay/subscription.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace cip::overlay {

Subscription::Subscription(Now now, SubscriptionOptions options)
    : options_(std::move(options)), started_(now) {
  started_.mono -= options_.begun;
  const auto ago = static_cast<std::uint64_t>(options_.begun / std::chrono::milliseconds(1));
  started_.wall.value -= std::min(started_.wall.value, ago);
}

bool Subscription::waits_to_learn(const Bytes32& feed) const {
  const auto found = cursors_.find(feed);
  return found != cursors_.end() && !found->second.next_read;
}

std::optional<std::uint64_t> Subscription::first_block(Now now, const Bytes32& feed,
                                                       UnixMillis created,
                                                       const Cursor& cursor) const {
  if (const auto durable = options_.cursors.find(feed); durable != options_.cursors.end()) {
    return std::max<std::uint64_t>(durable->second, 1);
  }
  const bool learning = now.mono < learned_at();
  switch (options_.since.kind) {
    case Since::Kind::start:
    case Since::Kind::time:
      return 1;
    case Since::Kind::seq:
      return std::max<std::uint64_t>(options_.since.number, 1);
    case Since::Kind::last: {
      if (learning) return std::nullopt;
      const std::uint64_t wanted = std::min(options_.since.number, cursor.learned);
      return std::max<std::uint64_t>(cursor.learned - wanted, 1);
    }
    case Since::Kind::only_new:
      break;
  }
  // An author that began after the subscription has nothing old.
  if (created > started_.wall) return 1;
  if (learning) return std::nullopt;
  return std::max<std::uint64_t>(cursor.learned, 1);
}

void Subscription::see_feed(Now now, const Bytes32& feed, UnixMillis created,
                            std::uint64_t known_length) {
  Cursor& cursor = cursors_[feed];
  if (cursor.next_read) return;
  const bool first_seen_late = cursor.learned == 0 && now.mono >= learned_at();
  if (now.mono < learned_at() || first_seen_late) {
    cursor.learned = std::max(cursor.learned, known_length);
  }
  cursor.next_read = first_block(now, feed, created, cursor);
  cursor.next_out = cursor.next_read.value_or(0);
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
  if (message && message->time < options_.since.wall) message.reset();
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
