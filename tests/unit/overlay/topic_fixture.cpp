#include "tests/unit/overlay/topic_fixture.hpp"

#include <doctest/doctest.h>

namespace cip::test {

using namespace overlay;

namespace {

Bytes32 id_of(const std::string& topic) { return topic_id(open_topic_key(topic)); }

std::string channel_name(std::string_view protocol, ByteView id) {
  return std::string(protocol) + '\n' + std::string(text_of(id));
}

}  // namespace

// --- one participant

TopicPeer::TopicPeer(TopicWorld& its_world, std::uint8_t number)
    : world(its_world),
      random(number),
      identity(make_key_pair(Seed{number})),
      backend(random),
      replication(*this),
      topics(*this, *this, identity, backend.instance()) {
  replication.add_observer(topics);
}

ChannelHandler& TopicPeer::handler_of(std::string_view protocol) {
  if (protocol == kTopicProtocol) return topics;
  return replication;
}

Now TopicPeer::now() const {
  const auto ahead = std::chrono::milliseconds(clock_ahead).count();
  const auto wall = static_cast<std::int64_t>(world.now.wall.value) + ahead;
  return {world.now.mono, {static_cast<std::uint64_t>(wall)}};
}

void TopicPeer::give_up(const std::string& topic, const Bytes32& feed_key) {
  const auto number = replication.feed_by_key(feed_key)->number();
  topics.feed_given_up(now(), id_of(topic), feed_key);
  replication.remove_feed(now(), number);
  REQUIRE(backend.drop_feed(number));
}

void TopicPeer::take_up(const std::string& topic, const Bytes32& feed_key) {
  store::Feed& feed = add(feed_key, std::nullopt, topics.floor(id_of(topic), feed_key));
  topics.feed_opened(now(), id_of(topic), feed);
}

void TopicPeer::join(const std::string& topic, bool is_private) {
  topics.join(now(), open_topic_key(topic), is_private);
}

store::Feed& TopicPeer::add(const Bytes32& key, std::optional<store::Manifest> manifest,
                            std::uint64_t floor) {
  store::FeedRecord record;
  record.key = key;
  const auto created = backend.create_feed(record, std::move(manifest), {}).value();
  auto feed = store::Feed::open(backend.load_feed(created.number).value()).value();
  store::Feed& added = replication.add_feed(std::move(feed), {.serve = true, .keep_open = true});
  if (floor > 0) replication.download(now(), created.number, {.start = 0, .end = 1});
  replication.download(now(), created.number,
                       {.start = floor, .end = std::nullopt, .follow = true});
  return added;
}

std::uint64_t TopicPeer::publish(const std::string& topic,
                                 const std::vector<std::string>& messages) {
  const auto id = id_of(topic);
  if (!topics.own_feed(id)) {
    const KeyPair key = make_key_pair(random.bytes<32>());
    const auto manifest = store::single_signer_manifest(key.public_key);
    topics.feed_opened(now(), id, add(store::manifest_key(manifest), manifest), key);
  }
  std::vector<Bytes> payloads;
  for (const auto& message : messages) payloads.push_back(to_bytes(bytes_of(message)));
  wrote_ahead = clock_ahead;
  const auto first = topics.publish(now(), id, payloads);
  REQUIRE(first);
  return *first;
}

SubscriptionId TopicPeer::subscribe(const std::string& topic, Since since) {
  const auto made = topics.subscribe(now(), id_of(topic), {since, std::nullopt, {}});
  REQUIRE(made);
  return *made;
}

std::vector<std::string> TopicPeer::received(SubscriptionId id) {
  std::vector<std::string> out;
  for (;;) {
    while (auto message = topics.poll_message(id)) out.emplace_back(text_of(message->data));
    if (!settle()) return out;
  }
}

bool TopicPeer::settle() {
  bool ever = false;
  for (bool any = true; any; ever |= any) {
    any = false;
    replication.turn_ended(now());
    while (auto op = replication.poll_store_op()) {
      any = true;
      const auto number = op->feed();
      store::StoreResult result;
      if (const auto* read = std::get_if<store::ReadOp>(&op->op)) {
        result = backend.read(*read);
      } else {
        REQUIRE(backend.commit(*std::get<store::CommitPtr>(op->op)));
      }
      replication.handle_store_done(now(), number, op->id, std::move(result));
    }
    while (replication.poll_event()) any = true;
    while (topics.poll_event()) any = true;
  }
  return ever;
}

ChannelId TopicPeer::open_channel(ConnId conn, std::string_view protocol, ByteView id,
                                  ByteView handshake) {
  const std::string name = channel_name(protocol, id);
  const ChannelId number = world.number_of(name);
  auto& link = world.links_.at(conn);
  link.of(this).opened[name] = to_bytes(handshake);
  TopicPeer* other = link.other(this).peer;
  const Bytes id_bytes = to_bytes(id);
  if (!link.other(this).opened.contains(name)) {
    world.queue_.push_back([this, other, conn, number, name, id_bytes,
                            protocol = std::string(protocol), shake = to_bytes(handshake)] {
      const auto found = world.links_.find(conn);
      // Opened by the other side meanwhile: then it is paired below.
      if (found == world.links_.end() || found->second.of(other).opened.contains(name)) return;
      other->handler_of(protocol).channel_requested(other->now(), conn, number, id_bytes, shake);
    });
    return number;
  }
  for (TopicPeer* peer : {this, other}) {
    world.queue_.push_back(
        [this, peer, conn, number, name, id_bytes, protocol = std::string(protocol)] {
          const auto found = world.links_.find(conn);
          if (found == world.links_.end()) return;
          peer->handler_of(protocol).channel_opened(peer->now(), conn, number, id_bytes,
                                                    found->second.other(peer).opened[name]);
        });
  }
  return number;
}

void TopicPeer::send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView payload) {
  send(conn, channel, type, payload, {});
}

void TopicPeer::send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView head,
                     ByteView tail) {
  Bytes payload = to_bytes(head);
  append(payload, tail);
  const std::string protocol =
      world.names_[channel - 1].substr(0, world.names_[channel - 1].find('\n'));
  if (protocol == kTopicProtocol) {
    const auto kind = static_cast<TopicMessageType>(type);
    ++world.sent_[kind];
    if (world.on_topic_message && !world.on_topic_message(kind, payload)) return;
  }
  world.queue_.push_back([this, conn, channel, type, protocol, payload = std::move(payload)] {
    const auto found = world.links_.find(conn);
    if (found == world.links_.end()) return;
    TopicPeer* other = found->second.other(this).peer;
    other->handler_of(protocol).channel_message(other->now(), conn, channel, type, payload);
  });
}

void TopicPeer::close_channel(ConnId conn, ChannelId channel) {
  const auto found = world.links_.find(conn);
  if (found == world.links_.end()) return;
  found->second.of(this).opened.erase(world.names_[channel - 1]);
  const std::string protocol =
      world.names_[channel - 1].substr(0, world.names_[channel - 1].find('\n'));
  TopicPeer* other = found->second.other(this).peer;
  world.queue_.push_back([other, conn, channel, protocol] {
    other->handler_of(protocol).channel_closed(other->now(), conn, channel);
  });
}

void TopicPeer::destroy(ConnId conn, std::string_view why, std::error_code) {
  destroyed.emplace_back(why);
  world.queue_.push_back([this, conn] { world.disconnect(conn); });
}

void TopicPeer::open_feed(const Bytes32& topic, const Bytes32& feed_key) {
  world.queue_.push_back(
      [this, topic, feed_key] { topics.feed_opened(now(), topic, add(feed_key, std::nullopt)); });
}

void TopicPeer::replicate_feed(ConnId conn, const Bytes32& feed_key) {
  store::Feed* feed = replication.feed_by_key(feed_key);
  if (feed != nullptr && replicates) replication.open(now(), conn, feed->number());
}

// --- all of them

TopicPeer& TopicWorld::add() {
  const auto number = static_cast<std::uint8_t>(peers_.size() + 1);
  peers_.push_back(std::make_unique<TopicPeer>(*this, number));
  return *peers_.back();
}

ChannelId TopicWorld::number_of(const std::string& name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  const auto place = found - names_.begin();
  if (found == names_.end()) names_.push_back(name);
  return static_cast<ChannelId>(place + 1);
}

ConnId TopicWorld::connect(TopicPeer& a, TopicPeer& b, const std::string& topic) {
  const ConnId conn = next_conn_++;
  links_[conn].sides[0].peer = &a;
  links_[conn].sides[1].peer = &b;
  for (TopicPeer* peer : {&a, &b}) {
    StreamInfo info;
    info.conn = conn;
    info.peer = (peer == &a ? b : a).identity.public_key;
    info.handshake_hash = {static_cast<std::uint8_t>(conn)};
    info.initiator = peer == &a;
    peer->replication.stream_opened(peer->now(), info);
    peer->topics.stream_opened(peer->now(), info);
  }
  a.topics.open_for(a.now(), conn, id_of(topic));
  run();
  return conn;
}

void TopicWorld::disconnect(ConnId conn) {
  const auto found = links_.find(conn);
  if (found == links_.end()) return;
  const Link link = found->second;
  links_.erase(found);
  for (const Side& side : link.sides) {
    side.peer->replication.stream_closed(side.peer->now(), conn);
    side.peer->topics.stream_closed(side.peer->now(), conn);
  }
}

void TopicWorld::run() {
  for (bool any = true; any;) {
    any = false;
    for (const auto& peer : peers_) any |= peer->settle();
    while (!queue_.empty()) {
      any = true;
      const auto call = std::move(queue_.front());
      queue_.pop_front();
      call();
      for (const auto& peer : peers_) peer->settle();
    }
  }
}

void TopicWorld::advance(Duration by) {
  now.mono += by;
  now.wall.value += static_cast<std::uint64_t>(by.count() / 1000);
  for (const auto& peer : peers_) {
    peer->replication.handle_timeout(peer->now());
    peer->topics.handle_timeout(peer->now());
  }
  run();
}

}  // namespace cip::test
