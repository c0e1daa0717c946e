// What neighbours of a topic tell each other of its feeds, and how new blocks travel.

#include <algorithm>

#include "overlay/feed_messages.hpp"
#include "overlay/topic_state.hpp"

namespace cip::overlay {
namespace {

constexpr Duration kHour = std::chrono::hours(1);

std::uint32_t type_of(TopicMessageType type) { return static_cast<std::uint32_t>(type); }

}  // namespace

// --- telling

// Introduces a feed, or tells that it has grown; and which new blocks can be had here.
void Topics::introduce(Topic& topic, Neighbour& neighbour, const Author& author) {
  static_cast<void>(topic);
  const std::uint64_t length = author.feed->length();
  const auto [told, is_new] =
      neighbour.told.try_emplace(author.key, Neighbour::Told{neighbour.told.size(), 0, 0});
  if (!is_new && told->second.length >= length) return;
  const std::uint64_t before = told->second.length;
  told->second.length = length;
  const ConnId conn = neighbour.stream.conn;
  streams_.send(
      conn, neighbour.channel, type_of(TopicMessageType::feeds),
      encode_topic_feeds({{told->second.index, author.key, length, author.shown_clock(now_)}}));
  const std::uint64_t from = std::max(before, author.floor);
  const std::uint64_t held = author.held_from(from);
  if (held > from) {
    streams_.send(conn, neighbour.channel, type_of(TopicMessageType::have),
                  encode_topic_have({{told->second.index, from, held}}));
  }
}

void Topics::send_ack(Neighbour& neighbour, const Author& author) {
  const auto told = neighbour.told.find(author.key);
  if (told == neighbour.told.end()) return;
  const std::uint64_t written = author.written();
  if (written <= told->second.acked) return;
  told->second.acked = written;
  streams_.send(neighbour.stream.conn, neighbour.channel, type_of(TopicMessageType::ack),
                encode_topic_ack({{told->second.index, written}}));
}

// --- hearing

bool Topics::may_introduce(const Topic& topic, Neighbour& neighbour) {
  if (topic.authors.size() >= limits_.feeds) return false;
  if (now_.mono - neighbour.hour_began >= kHour || neighbour.introduced_this_hour == 0) {
    neighbour.hour_began = now_.mono;
    neighbour.introduced_this_hour = 0;
  }
  return ++neighbour.introduced_this_hour <= limits_.new_feeds_per_hour;
}

void Topics::handle_feeds(Topic& topic, Neighbour& neighbour, ByteView payload) {
  const auto feeds = decode_topic_feeds(payload);
  if (!feeds) return misbehaved(neighbour, "malformed topic message");
  for (const TopicFeed& feed : *feeds) {
    const bool known_name = neighbour.names.contains(feed.index);
    if (!known_name && neighbour.names.size() >= limits_.feeds) continue;
    neighbour.names.insert_or_assign(feed.index, feed.key);
    const bool is_first = !neighbour.shown.contains(feed.key);
    auto& shown = neighbour.shown[feed.key];
    shown.length = std::max(shown.length, feed.length);
    if (feed.clock) shown.clock = clock_shift(now_, *feed.clock);
    // A feed is part of one topic: another one must not take it away.
    const bool is_free = !topic_of_feed_.contains(feed.key);
    if (is_free && may_introduce(topic, neighbour)) {
      track(topic, feed.key);
    }
    Author* author = topic.find_author(feed.key);
    if (author == nullptr) continue;
    note_clock(topic, *author, neighbour);
    // A feed that a neighbour of some time ago tells of, and nobody says how old it is, is new.
    const bool is_history = feed.clock || now_.mono - neighbour.opened < kLearnTime;
    if (is_first && is_history) author->old_length = std::max(author->old_length, feed.length);
    if (author->feed != nullptr) host_.replicate_feed(neighbour.stream.conn, feed.key);
  }
  wake(topic);
}

void Topics::handle_have(Topic& topic, Neighbour& neighbour, ByteView payload) {
  const auto ranges = decode_topic_have(payload);
  if (!ranges) return misbehaved(neighbour, "malformed topic message");
  for (const TopicHave& range : *ranges) {
    const auto name = neighbour.names.find(range.index);
    if (name == neighbour.names.end()) continue;
    auto& shown = neighbour.shown[name->second];
    shown.length = std::max(shown.length, range.to);
    if (topic.find_author(name->second) != nullptr) {
      host_.replicate_feed(neighbour.stream.conn, name->second);
    }
  }
}

void Topics::handle_push(Topic& topic, Neighbour& neighbour, ByteView payload) {
  const auto push = decode_topic_push(payload);
  auto data = push ? decode_data(push->data) : std::nullopt;
  if (!data || data->id != 0) return misbehaved(neighbour, "malformed topic message");
  const auto name = neighbour.names.find(push->index);
  if (name == neighbour.names.end()) return;
  Author* author = topic.find_author(name->second);
  if (author == nullptr || author->feed == nullptr || author->own_key) return;
  if (full_) {
    ++refused_pushes_;
    return;
  }
  const std::uint64_t length = author->feed->length();
  if (length < push->from) {
    // Something before it is missing: replication fetches it, later pushes go on from here.
    const auto told = neighbour.told.find(author->key);
    if (told == neighbour.told.end()) return;
    streams_.send(neighbour.stream.conn, neighbour.channel, type_of(TopicMessageType::graft),
                  encode_topic_graft({told->second.index, length}));
    return;
  }
  const store::Ticket ticket = author->feed->apply(std::move(data->proof));
  author->incoming.emplace(ticket, Author::Incoming{neighbour.stream.conn, push->hops});
  host_.feed_touched(*author->feed);
}

void Topics::handle_graft(Topic& topic, Neighbour& neighbour, ByteView payload) {
  const auto graft = decode_topic_graft(payload);
  if (!graft) return misbehaved(neighbour, "malformed topic message");
  const auto name = neighbour.names.find(graft->index);
  if (name == neighbour.names.end()) return;
  neighbour.shown[name->second] = {graft->length, graft->length, true};
  if (topic.find_author(name->second) != nullptr) {
    host_.replicate_feed(neighbour.stream.conn, name->second);
  }
}

void Topics::handle_prune(Neighbour& neighbour, ByteView payload) {
  const auto index = decode_topic_prune(payload);
  if (!index) return misbehaved(neighbour, "malformed topic message");
  const auto name = neighbour.names.find(*index);
  if (name != neighbour.names.end()) neighbour.shown[name->second].eager = false;
}

void Topics::handle_ack(Topic& topic, Neighbour& neighbour, ByteView payload) {
  const auto lengths = decode_topic_ack(payload);
  if (!lengths) return misbehaved(neighbour, "malformed topic message");
  for (const TopicLength& each : *lengths) {
    const auto name = neighbour.names.find(each.index);
    if (name == neighbour.names.end()) continue;
    auto& shown = neighbour.shown[name->second];
    shown.acked = std::max(shown.acked, each.length);
    shown.length = std::max(shown.length, each.length);
    if (topic.own == name->second) {
      events_.push(TopicAcked{topic.id, neighbour.stream.peer, shown.acked});
    }
  }
}

// --- feeds of the topic

void Topics::track(Topic& topic, const Bytes32& feed_key) {
  topic.authors[feed_key].key = feed_key;
  topic_of_feed_.insert_or_assign(feed_key, topic.id);
  due_.emplace(now_.mono + limits_.header_wait, Due{topic.id, feed_key, 0});
  host_.open_feed(topic.id, feed_key);
}

void Topics::drop_author(Topic& topic, const Bytes32& feed_key) {
  topic.authors.erase(feed_key);
  topic_of_feed_.erase(feed_key);
  if (topic.own == feed_key) topic.own.reset();
  host_.drop_feed(feed_key);
  wake(topic);
}

void Topics::feed_opened(Now now, const Bytes32& id, store::Feed& feed,
                         const std::optional<KeyPair>& own_key) {
  now_ = now;
  Topic* topic = find_topic(id);
  if (topic == nullptr) return;
  Author& author = topic->authors[feed.key()];
  topic_of_feed_.insert_or_assign(feed.key(), id);
  author.key = feed.key();
  author.feed = &feed;
  author.seen_length = feed.length();
  author.old_length = std::max(author.old_length, feed.length());
  if (own_key) {
    author.own_key = own_key;
    author.next_seq = feed.length();
    topic->own = author.key;
    if (feed.length() == 0) write_header(*topic, author);
  }
  for (auto& [conn, neighbour] : topic->neighbours) {
    if (!neighbour.open) continue;
    if (author.is_shared()) {
      introduce(*topic, neighbour, author);
      send_ack(neighbour, author);
    }
    if (neighbour.shown.contains(author.key)) host_.replicate_feed(conn, author.key);
  }
  want_header(author);
}

void Topics::feed_failed(const Bytes32& id, const Bytes32& feed_key) {
  Topic* topic = find_topic(id);
  if (topic == nullptr || topic->authors.erase(feed_key) == 0) return;
  topic_of_feed_.erase(feed_key);
}

void Topics::feed_reloaded(Now now, store::Feed& feed) {
  now_ = now;
  Topic* topic = topic_of(feed.key());
  Author* author = topic == nullptr ? nullptr : topic->find_author(feed.key());
  if (author == nullptr) return;
  author->feed = &feed;
  author->seen_length = feed.length();
  if (author->own_key) author->next_seq = feed.length();
  author->incoming.clear();
  author->outgoing.clear();
  for (const auto& [ticket, read] : std::exchange(author->reads, {})) {
    author->reads.emplace(feed.read(read.index), read);
  }
  host_.feed_touched(feed);
}

void Topics::write_header(Topic& topic, Author& author) {
  const TopicHeader header{topic.is_private, topic.id, identity_.public_key, instance_, now_.wall};
  auto written =
      author.feed->append({encode_topic_header(header, author.key, identity_)}, *author.own_key);
  if (written) author.next_seq = *written + 1;
  host_.feed_touched(*author.feed);
}

void Topics::want_header(Author& author) {
  const bool readable = author.feed != nullptr && author.feed->length() > 0 && author.feed->has(0);
  if (author.header || author.reading_header || !readable) return;
  author.reading_header = true;
  author.reads.emplace(author.feed->read(0), Author::Read{});
  host_.feed_touched(*author.feed);
}

void Topics::take_header(Topic& topic, Author& author, const Result<Bytes>& block) {
  author.reading_header = false;
  if (!block) return;  // asked again when the feed moves
  const auto header = decode_topic_header(*block, author.key);
  if (!header || header->topic != topic.id || author.feed->fork() > 0) {
    return drop_author(topic, Bytes32(author.key));
  }
  author.header = header;
  author.seen_length = author.feed->length();
  if (header->encrypted) {
    author.cipher.emplace(
        store::derive_block_key(author.key, topic_block_key(topic.key), author.feed->is_compat()));
  }
  events_.push(TopicFeedKnown{topic.id, author.key, *header});
  for (auto& [conn, neighbour] : topic.neighbours) {
    if (!neighbour.open) continue;
    note_clock(topic, author, neighbour);
    introduce(topic, neighbour, author);
    send_ack(neighbour, author);
    host_.replicate_feed(conn, author.key);
  }
  wake(topic);
}

bool Topics::handle_feed_event(Now now, store::Feed& feed, store::FeedEvent& event) {
  now_ = now;
  Topic* topic = topic_of(feed.key());
  Author* author = topic == nullptr ? nullptr : topic->find_author(feed.key());
  if (author == nullptr || author->feed != &feed) return false;
  if (const auto* read = std::get_if<store::BlockRead>(&event)) {
    return read_done(*topic, *author, *read);
  }
  if (const auto* ready = std::get_if<store::ProofReady>(&event)) {
    return push_made(*topic, *author, *ready);
  }
  if (const auto* applied = std::get_if<store::Applied>(&event)) {
    return push_checked(*topic, *author, applied->ticket, {});
  }
  if (const auto* rejected = std::get_if<store::Rejected>(&event)) {
    return push_checked(*topic, *author, rejected->ticket, rejected->reason);
  }
  if (const auto* appended = std::get_if<store::Appended>(&event)) {
    want_header(*author);
    spread(*topic, *author, 0, 0);
    const std::uint64_t start = std::max<std::uint64_t>(appended->start, 1);
    if (start < appended->length) {
      events_.push(TopicPublished{topic->id, author->key, start, appended->length});
    }
  }
  if (std::holds_alternative<store::Written>(event) ||
      std::holds_alternative<store::Appended>(event)) {
    for (auto& [conn, neighbour] : topic->neighbours) {
      if (neighbour.open) send_ack(neighbour, *author);
    }
    wake(*topic);
  }
  return false;
}

// --- new blocks

// Tells all neighbours but the source that the feed has grown: those who have all but the newest
// block get it pushed, the others hear what they can fetch.
void Topics::spread(Topic& topic, Author& author, ConnId source, std::uint64_t hops) {
  const std::uint64_t length = author.feed->length();
  const std::uint64_t from = author.seen_length;
  if (length <= from || !author.header) return;
  author.seen_length = length;
  const bool single = length == from + 1 && author.feed->has(from) && hops <= kMaxTopicHops;
  std::vector<ConnId> pushed;
  for (auto& [conn, neighbour] : topic.neighbours) {
    if (!neighbour.open) continue;
    const auto shown = neighbour.shown.find(author.key);
    const bool fits = shown != neighbour.shown.end() && shown->second.eager &&
                      shown->second.length == from && neighbour.is_told(author.key);
    if (single && fits && conn != source && streams_.is_writable(conn)) {
      pushed.push_back(conn);
      shown->second.length = length;
      neighbour.told[author.key].length = length;
    } else {
      introduce(topic, neighbour, author);
    }
  }
  if (!pushed.empty()) push_to(author, from, hops, std::move(pushed));
  wake(topic);
}

void Topics::push_to(Author& author, std::uint64_t from, std::uint64_t hops,
                     std::vector<ConnId> to) {
  store::ProofRequest request;
  request.fork = author.feed->fork();
  request.block = store::ProofRequest::Block{from, 0};
  request.upgrade = store::ProofRequest::Upgrade{from, author.feed->length() - from};
  author.outgoing.emplace(author.feed->prove(request), Author::Outgoing{from, hops, std::move(to)});
  host_.feed_touched(*author.feed);
}

bool Topics::push_made(Topic& topic, Author& author, const store::ProofReady& ready) {
  const auto found = author.outgoing.find(ready.ticket);
  if (found == author.outgoing.end()) return false;
  const Author::Outgoing push = std::move(found->second);
  author.outgoing.erase(found);
  const bool small =
      ready.proof && ready.proof->block && ready.proof->block->value.size() <= limits_.push_size;
  const Bytes data = small ? encode_data(0, *ready.proof) : Bytes{};
  for (const ConnId conn : push.to) {
    const auto neighbour = topic.neighbours.find(conn);
    if (neighbour == topic.neighbours.end() || !neighbour->second.open) continue;
    if (!small) {
      neighbour->second.told[author.key].length = push.from;
      introduce(topic, neighbour->second, author);
      continue;
    }
    const std::uint64_t index = neighbour->second.told[author.key].index;
    streams_.send(conn, neighbour->second.channel, type_of(TopicMessageType::push),
                  encode_topic_push_head({index, push.from, push.hops, {}}), data);
  }
  return true;
}

// True when it was a push of a neighbour; what others applied to the feed is spread all the same.
bool Topics::push_checked(Topic& topic, Author& author, store::Ticket ticket,
                          std::error_code rejected) {
  const auto found = author.incoming.find(ticket);
  const bool is_push = found != author.incoming.end();
  const ConnId source = is_push ? found->second.from : 0;
  const std::uint64_t hops = is_push ? found->second.hops + 1 : 0;
  if (is_push) author.incoming.erase(found);
  if (rejected) {
    const auto neighbour = topic.neighbours.find(source);
    if (store::blames_peer(rejected) && neighbour != topic.neighbours.end()) {
      misbehaved(neighbour->second, "invalid topic push");
    }
    return is_push;
  }
  want_header(author);
  spread(topic, author, source, hops);
  return false;
}

}  // namespace cip::overlay
