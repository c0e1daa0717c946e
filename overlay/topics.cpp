#include "overlay/topics.hpp"

#include "overlay/errors.hpp"
#include "overlay/topic_state.hpp"
#include "overlay/transport/errors.hpp"

namespace cip::overlay {

Topics::Topics(Streams& streams, TopicHost& host, const KeyPair& identity,
               const FixedBytes<16>& instance, TopicLimits limits)
    : streams_(streams), host_(host), identity_(identity), instance_(instance), limits_(limits) {}

Topics::~Topics() = default;

Topics::Topic* Topics::find_topic(const Bytes32& id) const {
  const auto found = topics_.find(id);
  return found == topics_.end() ? nullptr : found->second.get();
}

Topics::Topic* Topics::topic_of(const Bytes32& feed_key) const {
  const auto found = topic_of_feed_.find(feed_key);
  return found == topic_of_feed_.end() ? nullptr : find_topic(found->second);
}

std::pair<Topics::Topic*, Topics::Neighbour*> Topics::find_neighbour(ConnId conn,
                                                                     ChannelId channel) const {
  for (const auto& [id, topic] : topics_) {
    const auto found = topic->neighbours.find(conn);
    if (found != topic->neighbours.end() && found->second.channel == channel) {
      return {topic.get(), &found->second};
    }
  }
  return {nullptr, nullptr};
}

Bytes32 Topics::join(Now now, const Bytes32& topic_key, bool is_private) {
  now_ = now;
  const Bytes32 id = topic_id(topic_key);
  if (has_joined(id)) return id;
  auto topic = std::make_unique<Topic>();
  topic->key = topic_key;
  topic->id = id;
  topic->is_private = is_private;
  topics_.emplace(id, std::move(topic));
  return id;
}

void Topics::leave(const Bytes32& id) {
  const Topic* topic = find_topic(id);
  if (topic == nullptr) return;
  for (const auto& [conn, neighbour] : topic->neighbours) {
    streams_.close_channel(conn, neighbour.channel);
  }
  std::erase_if(subscriptions_, [&](const auto& entry) { return entry.second == id; });
  std::erase_if(topic_of_feed_, [&](const auto& entry) { return entry.second == id; });
  topics_.erase(id);
  events_.push(TopicLeft{id});
}

void Topics::open_channel(Topic& topic, const StreamInfo& stream) {
  Neighbour neighbour;
  neighbour.stream = stream;
  const TopicOpen open{topic_capability(topic.key, stream.initiator, stream.handshake_hash)};
  neighbour.channel =
      streams_.open_channel(stream.conn, kTopicProtocol, topic.id, encode_topic_open(open));
  topic.neighbours.insert_or_assign(stream.conn, std::move(neighbour));
}

bool Topics::open_for(Now now, ConnId conn, const Bytes32& target) {
  now_ = now;
  Topic* topic = find_topic(target);
  const auto stream = open_streams_.find(conn);
  if (topic == nullptr || stream == open_streams_.end()) return false;
  if (!topic->neighbours.contains(conn)) open_channel(*topic, stream->second);
  return true;
}

void Topics::stream_opened(Now now, const StreamInfo& stream) {
  now_ = now;
  open_streams_.insert_or_assign(stream.conn, stream);
}

void Topics::stream_closed(Now now, ConnId conn) {
  now_ = now;
  open_streams_.erase(conn);
  for (const auto& [id, topic] : topics_) {
    if (topic->neighbours.erase(conn) > 0) wake(*topic);
  }
}

void Topics::channel_requested(Now now, ConnId conn, ChannelId remote_channel, ByteView id,
                               ByteView handshake) {
  now_ = now;
  static_cast<void>(handshake);  // comes again with channel_opened()
  const auto stream = open_streams_.find(conn);
  Topic* topic = id.size() == 32 ? find_topic(first_bytes<32>(id)) : nullptr;
  const bool wanted =
      topic != nullptr && stream != open_streams_.end() && !topic->neighbours.contains(conn);
  if (wanted) {
    open_channel(*topic, stream->second);
  } else {
    streams_.reject_channel(conn, remote_channel);
  }
}

void Topics::channel_opened(Now now, ConnId conn, ChannelId channel, ByteView id,
                            ByteView handshake) {
  now_ = now;
  static_cast<void>(id);
  const auto [topic, neighbour] = find_neighbour(conn, channel);
  if (neighbour == nullptr) return;
  const auto open = decode_topic_open(handshake);
  const auto& stream = neighbour->stream;
  const Bytes32 expected = topic_capability(topic->key, !stream.initiator, stream.handshake_hash);
  if (!open || !equal_secret(open->capability, expected)) {
    streams_.close_channel(conn, channel);
    topic->neighbours.erase(conn);
    return;
  }
  neighbour->open = true;
  neighbour->opened = now.mono;
  for (const auto& [key, author] : topic->authors) {
    if (!author.is_shared()) continue;
    introduce(*topic, *neighbour, author);
    send_ack(*neighbour, author);
    host_.replicate_feed(conn, key);
  }
}

void Topics::channel_message(Now now, ConnId conn, ChannelId channel, std::uint32_t type,
                             ByteView payload) {
  now_ = now;
  const auto [topic, neighbour] = find_neighbour(conn, channel);
  if (neighbour == nullptr || !neighbour->open) return;
  switch (static_cast<TopicMessageType>(type)) {
    case TopicMessageType::feeds:
      return handle_feeds(*topic, *neighbour, payload);
    case TopicMessageType::push:
      return handle_push(*topic, *neighbour, payload);
    case TopicMessageType::have:
      return handle_have(*topic, *neighbour, payload);
    case TopicMessageType::graft:
      return handle_graft(*topic, *neighbour, payload);
    case TopicMessageType::prune:
      return handle_prune(*neighbour, payload);
    case TopicMessageType::ack:
      return handle_ack(*topic, *neighbour, payload);
    case TopicMessageType::membership:
      return;  // neighbours are who the host meets: nothing to learn from it yet
  }
}

void Topics::channel_closed(Now now, ConnId conn, ChannelId channel) {
  now_ = now;
  const auto [topic, neighbour] = find_neighbour(conn, channel);
  if (neighbour == nullptr) return;
  topic->neighbours.erase(conn);
  wake(*topic);
}

void Topics::writable(Now now, ConnId conn) {
  now_ = now;
  // What a full stream was spared as pushes it gets as ranges to fetch.
  for (const auto& [id, topic] : topics_) {
    const auto found = topic->neighbours.find(conn);
    if (found == topic->neighbours.end() || !found->second.open) continue;
    for (const auto& [key, author] : topic->authors) {
      if (author.is_shared()) introduce(*topic, found->second, author);
    }
  }
}

void Topics::misbehaved(const Neighbour& neighbour, std::string_view why) {
  streams_.destroy(neighbour.stream.conn, why, make_error_code(StreamErrc::malformed_message));
}

void Topics::handle_timeout(Now now) {
  now_ = now;
  while (!due_.empty() && due_.begin()->first <= now.mono) {
    const Due due = due_.begin()->second;
    due_.erase(due_.begin());
    Topic* topic = find_topic(due.topic);
    if (topic == nullptr) continue;
    if (due.feed) {
      const Author* author = topic->find_author(*due.feed);
      if (author != nullptr && !author->header && !author->own_key) drop_author(*topic, *due.feed);
    } else if (const auto found = topic->subscriptions.find(due.subscription);
               found != topic->subscriptions.end()) {
      feed_subscription(*topic, found->first, found->second);
    }
  }
}

std::optional<TimePoint> Topics::next_timeout() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

std::optional<TopicEvent> Topics::poll_event() { return events_.pop(); }

std::vector<Topics::FeedInfo> Topics::feeds(const Bytes32& id) const {
  std::vector<FeedInfo> out;
  const Topic* topic = find_topic(id);
  if (topic == nullptr) return out;
  for (const auto& [key, author] : topic->authors) {
    const std::uint64_t length = author.feed == nullptr ? 0 : author.feed->length();
    out.push_back({key, author.header, length, topic->own == key});
  }
  return out;
}

std::size_t Topics::neighbours(const Bytes32& id) const {
  const Topic* topic = find_topic(id);
  std::size_t open = 0;
  if (topic == nullptr) return 0;
  for (const auto& [conn, neighbour] : topic->neighbours) open += neighbour.open ? 1 : 0;
  return open;
}

std::vector<Bytes32> Topics::joined() const {
  std::vector<Bytes32> out;
  for (const auto& [id, topic] : topics_) out.push_back(id);
  return out;
}

}  // namespace cip::overlay
