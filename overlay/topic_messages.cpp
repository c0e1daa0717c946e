// Publishing to topics and handing their messages to subscriptions.

#include <algorithm>

#include "overlay/topic_state.hpp"

namespace cip::overlay {

std::optional<Bytes32> Topics::own_feed(const Bytes32& id) const {
  const Topic* topic = find_topic(id);
  return topic == nullptr ? std::nullopt : topic->own;
}

Result<std::uint64_t> Topics::publish(Now now, const Bytes32& id,
                                      const std::vector<Bytes>& messages) {
  now_ = now;
  Topic* topic = find_topic(id);
  if (topic == nullptr) return fail(Errc::no_such_topic);
  Author* author = topic->own ? topic->find_author(*topic->own) : nullptr;
  if (author != nullptr && author->next_seq == 0 && author->own_key) write_header(*topic, *author);
  if (author == nullptr || author->next_seq == 0) return fail(Errc::no_own_feed);
  std::vector<Bytes> blocks;
  blocks.reserve(messages.size());
  std::optional<store::BlockCipher> cipher;
  if (topic->is_private) {
    cipher.emplace(store::derive_block_key(author->key, topic_block_key(topic->key), false));
  }
  // The feed is longer when another home of this author was found to have gone on with it.
  std::uint64_t seq = std::max(author->next_seq, author->feed->length());
  for (const Bytes& message : messages) {
    if (message.size() > kMaxTopicMessage) return fail(Errc::message_too_large);
    Bytes block = encode_topic_message(now.wall, message);
    blocks.push_back(cipher ? cipher->encrypt(seq, author->feed->fork(), block) : std::move(block));
    ++seq;
  }
  auto first = author->feed->append(std::move(blocks), *author->own_key);
  if (first) author->next_seq = seq;
  host_.feed_touched(*author->feed);
  return first;
}

std::size_t Topics::confirmations(const Bytes32& id, std::uint64_t seq) const {
  const Topic* topic = find_topic(id);
  if (topic == nullptr || !topic->own) return 0;
  std::vector<PublicKey> peers;
  for (const auto& [conn, neighbour] : topic->neighbours) {
    const auto shown = neighbour.shown.find(*topic->own);
    if (shown != neighbour.shown.end() && shown->second.acked > seq) {
      peers.push_back(neighbour.stream.peer);
    }
  }
  std::sort(peers.begin(), peers.end());
  return static_cast<std::size_t>(std::unique(peers.begin(), peers.end()) - peers.begin());
}

Result<SubscriptionId> Topics::subscribe(Now now, const Bytes32& id, SubscriptionOptions options) {
  now_ = now;
  Topic* topic = find_topic(id);
  if (topic == nullptr) return fail(Errc::no_such_topic);
  const SubscriptionId number = next_subscription_++;
  const auto made = topic->subscriptions.emplace(number, Subscription(now, std::move(options)));
  subscriptions_.emplace(number, id);
  for (const auto& [key, author] : topic->authors) {
    if (author.feed != nullptr) made.first->second.had_feed(key, author.feed->length());
  }
  due_.emplace(made.first->second.learned_at(), Due{id, std::nullopt, number});
  feed_subscription(*topic, number, made.first->second);
  return number;
}

void Topics::unsubscribe(SubscriptionId number) {
  const auto found = subscriptions_.find(number);
  if (found == subscriptions_.end()) return;
  find_topic(found->second)->subscriptions.erase(number);
  subscriptions_.erase(found);
}

std::optional<TopicDelivery> Topics::poll_message(SubscriptionId number) {
  const auto found = subscriptions_.find(number);
  if (found == subscriptions_.end()) return std::nullopt;
  Topic& topic = *find_topic(found->second);
  Subscription& subscription = topic.subscriptions.at(number);
  const bool was_full = !subscription.has_room();
  auto out = subscription.take();
  // The disk is asked again only when the subscriber had held it up.
  if (out && was_full) feed_subscription(topic, number, subscription);
  return out;
}

std::optional<TopicGap> Topics::poll_gap(SubscriptionId number) {
  const auto found = subscriptions_.find(number);
  if (found == subscriptions_.end()) return std::nullopt;
  return find_topic(found->second)->subscriptions.at(number).take_gap();
}

std::uint64_t Topics::known_length(const Topic& topic, const Author& author) const {
  std::uint64_t length = author.feed == nullptr ? 0 : author.feed->length();
  for (const auto& [conn, neighbour] : topic.neighbours) {
    const auto shown = neighbour.shown.find(author.key);
    if (shown != neighbour.shown.end()) length = std::max(length, shown->second.length);
  }
  return length;
}

std::map<Bytes32, std::uint64_t> Topics::positions(SubscriptionId number) const {
  const auto found = subscriptions_.find(number);
  if (found == subscriptions_.end()) return {};
  return find_topic(found->second)->subscriptions.at(number).positions();
}

bool Topics::is_synced(SubscriptionId number) const {
  const auto found = subscriptions_.find(number);
  if (found == subscriptions_.end()) return false;
  const Topic& topic = *find_topic(found->second);
  const Subscription& subscription = topic.subscriptions.at(number);
  if (now_.mono < subscription.learned_at() || subscription.has_messages()) return false;
  return std::all_of(topic.authors.begin(), topic.authors.end(), [&](const auto& entry) {
    const Author& author = entry.second;
    if (!author.header) return false;
    if (!subscription.wants(author.header->author)) return true;
    return subscription.has_delivered(author.key, known_length(topic, author));
  });
}

std::optional<std::uint64_t> Topics::Author::hole_for(const Subscription& subscription) const {
  if (!is_shared() || !reads.empty() || !subscription.wants(header->author)) return std::nullopt;
  const auto place = subscription.position(key);
  const bool is_hole = place && *place >= floor && *place < feed->length() && !feed->has(*place);
  return is_hole ? place : std::nullopt;
}

std::map<Bytes32, std::uint64_t> Topics::holes(SubscriptionId number) const {
  std::map<Bytes32, std::uint64_t> out;
  const auto found = subscriptions_.find(number);
  if (found == subscriptions_.end()) return out;
  const Topic& topic = *find_topic(found->second);
  const Subscription& subscription = topic.subscriptions.at(number);
  if (subscription.has_messages()) return out;
  for (const auto& [key, author] : topic.authors) {
    if (const auto place = author.hole_for(subscription)) out[key] = *place;
  }
  return out;
}

void Topics::pass_hole(Now now, SubscriptionId number, const Bytes32& feed_key, std::uint64_t end) {
  now_ = now;
  const auto found = subscriptions_.find(number);
  if (found == subscriptions_.end()) return;
  Topic& topic = *find_topic(found->second);
  const Author* author = topic.find_author(feed_key);
  Subscription& subscription = topic.subscriptions.at(number);
  const auto place = author == nullptr ? std::nullopt : author->hole_for(subscription);
  if (!place || subscription.has_messages()) return;
  end = std::min(end, author->feed->length());
  if (end <= *place) return;
  subscription.pass_over(feed_key, author->feed->blocks().first_set(*place, end));
  feed_subscription(topic, number, subscription);
}

void Topics::wake(Topic& topic) {
  for (auto& [id, subscription] : topic.subscriptions) feed_subscription(topic, id, subscription);
}

// Asks the disk for what the subscription can take next.
void Topics::feed_subscription(Topic& topic, SubscriptionId id, Subscription& subscription) {
  for (auto& [key, author] : topic.authors) {
    if (!author.is_shared() || !subscription.wants(author.header->author)) continue;
    subscription.see_feed(now_, key, {known_length(topic, author), author.old_length});
    if (author.reads.empty()) subscription.pass_over(key, author.floor);
    const auto position = subscription.position(key);
    if (!position || *position < author.floor) continue;
    while (const auto index = subscription.next_read(key, author.held_from(*position))) {
      author.reads.emplace(author.feed->read(*index), Author::Read{id, *index});
      host_.feed_touched(*author.feed);
    }
  }
  events_.push(SubscriptionWoken{id});
}

bool Topics::read_done(Topic& topic, Author& author, const store::BlockRead& read) {
  const auto found = author.reads.find(read.ticket);
  if (found == author.reads.end()) return false;
  // Read again by feed_reloaded(): a message that cannot be read now is no message that is not
  // there.
  if (!read.value && read.value.error() == store::Errc::store_failed) return true;
  const Author::Read asked = found->second;
  author.reads.erase(found);
  if (asked.subscription == 0) {
    take_header(topic, author, read.value);
    return true;
  }
  const auto subscription = topic.subscriptions.find(asked.subscription);
  if (subscription == topic.subscriptions.end()) return true;
  subscription->second.put(author.key, asked.index, open_message(author, asked.index, read.value));
  events_.push(SubscriptionWoken{asked.subscription});
  return true;
}

std::optional<TopicDelivery> Topics::open_message(const Author& author, std::uint64_t index,
                                                  const Result<Bytes>& block) const {
  if (!block) return std::nullopt;
  std::optional<Bytes> plain = *block;
  if (author.cipher) plain = author.cipher->decrypt(index, author.feed->fork(), *block);
  auto message = plain ? decode_topic_message(*plain) : std::nullopt;
  if (!message) return std::nullopt;
  return TopicDelivery{author.key,
                       author.header->author,
                       index,
                       message->time,
                       written_at(author, index, message->time),
                       std::move(message->data)};
}

}  // namespace cip::overlay
