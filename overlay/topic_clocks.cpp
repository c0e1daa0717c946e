// What is known of authors besides their feeds: what their clocks show, and what of a feed was
// given up for want of room.

#include <algorithm>
#include <cstdlib>

#include "overlay/topic_state.hpp"

namespace cip::overlay {
namespace {

// Changes of a clock that are only the time that messages take to travel.
constexpr std::int64_t kClockSlackMs = 1000;

std::int64_t mono_ms(Now now) { return now.mono.time_since_epoch() / std::chrono::milliseconds(1); }
std::int64_t wall_ms(UnixMillis wall) { return static_cast<std::int64_t>(wall.value); }

}  // namespace

std::int64_t clock_shift(Now now, UnixMillis clock) { return wall_ms(clock) - mono_ms(now); }

std::optional<UnixMillis> Topics::Author::shown_clock(Now now) const {
  if (own_key) return now.wall;
  if (!clock) return std::nullopt;
  const auto shown = std::max<std::int64_t>(clock->shift + mono_ms(now), 0);
  return UnixMillis{static_cast<std::uint64_t>(shown)};
}

// The author's own word counts most, else the latest.
void Topics::note_clock(Topic& topic, Author& author, const Neighbour& neighbour) {
  const auto shown = neighbour.shown.find(author.key);
  if (author.own_key || !author.header || shown == neighbour.shown.end() || !shown->second.clock) {
    return;
  }
  const bool from_author = neighbour.stream.peer == author.header->author;
  if (author.clock && author.clock->from_author && !from_author) return;
  const std::int64_t ahead = *shown->second.clock - clock_shift(now_, now_.wall);
  const auto told = author.clock ? author.clock->told_ahead : 0;
  author.clock = Author::Clock{*shown->second.clock, from_author, told};
  if (std::abs(ahead - told) <= kClockSlackMs) return;
  author.clock->told_ahead = ahead;
  events_.push(TopicClockKnown{topic.id, author.key, ahead});
}

// When a message was written, by the clock here. An author of whose clock nothing is known is taken
// at its word, but nothing was written later than now.
TimePoint Topics::written_at(const Author& author, std::uint64_t index, UnixMillis time) const {
  auto shift = author.clock ? author.clock->shift : clock_shift(now_, now_.wall);
  if (author.own_key) shift += host_.own_clock_ahead(author.header->topic, index);
  const auto at = std::min(wall_ms(time) - shift, mono_ms(now_));
  return TimePoint{std::chrono::milliseconds(at)};
}

void Topics::feed_given_up(Now now, const Bytes32& id, const Bytes32& feed_key) {
  now_ = now;
  Topic* topic = find_topic(id);
  Author* author = topic == nullptr ? nullptr : topic->find_author(feed_key);
  if (author == nullptr || author->feed == nullptr || author->own_key) return;
  author->floor = std::max(author->floor, author->feed->length());
  author->feed = nullptr;
  author->reading_header = false;
  author->incoming.clear();
  author->outgoing.clear();
  for (const auto& [ticket, read] : std::exchange(author->reads, {})) {
    const auto found = topic->subscriptions.find(read.subscription);
    if (found != topic->subscriptions.end()) found->second.put(feed_key, read.index, std::nullopt);
  }
}

std::uint64_t Topics::floor(const Bytes32& id, const Bytes32& feed_key) const {
  Topic* topic = find_topic(id);
  const Author* author = topic == nullptr ? nullptr : topic->find_author(feed_key);
  return author == nullptr ? 0 : author->floor;
}

void Topics::restore_author(Now now, const Bytes32& id, const Bytes32& feed_key,
                            const AuthorMemory& memory) {
  now_ = now;
  Topic* topic = find_topic(id);
  if (topic == nullptr) return;
  Author& author = topic->authors[feed_key];
  topic_of_feed_.insert_or_assign(feed_key, id);
  author.key = feed_key;
  author.floor = std::max(author.floor, memory.floor);
  if (memory.ahead_ms == 0 || author.clock) return;
  author.clock =
      Author::Clock{memory.ahead_ms + clock_shift(now, now.wall), false, memory.ahead_ms};
}

}  // namespace cip::overlay
