#include "tests/unit/overlay/replicator_fixture.hpp"

#include <doctest/doctest.h>

namespace cip::test {

using namespace overlay;

namespace {

store::Feed open_in(store::Backend& backend, const Bytes32& key,
                    std::optional<store::Manifest> manifest) {
  store::FeedRecord record;
  record.key = key;
  const auto created = backend.create_feed(record, std::move(manifest)).value();
  return store::Feed::open(backend.load_feed(created.number).value()).value();
}

}  // namespace

Bytes test_block(std::uint64_t index) {
  Bytes block(index * 7919 % 41);
  for (std::size_t j = 0; j < block.size(); ++j) {
    block[j] = static_cast<std::uint8_t>(index * 31 + j * 7 + (index >> 8) * 17);
  }
  return block;
}

Side::Side(ReplicatorWorld& its_world, std::string its_name, const Bytes32& key,
           std::optional<store::Manifest> manifest)
    : world(its_world),
      name(std::move(its_name)),
      feed(open_in(backend, key, std::move(manifest))),
      replicator(feed, *this, budget) {}

void Side::grow_to(std::uint64_t length) {
  std::vector<Bytes> blocks;
  for (auto i = feed.length(); i < length; ++i) blocks.push_back(test_block(i));
  REQUIRE(feed.append(std::move(blocks), world.key));
  settle();
}

Bytes Side::block(std::uint64_t index) {
  feed.read(index);
  feed_events.clear();
  settle();
  for (const auto& event : feed_events) {
    const auto* read = std::get_if<store::BlockRead>(&event);
    if (read != nullptr && read->index == index && read->value) return *read->value;
  }
  FAIL("block " << index << " is not held");
  return {};
}

void Side::settle() {
  for (bool any = true; any;) {
    any = false;
    replicator.flush(world.now);
    while (auto op = feed.poll_store_op()) {
      any = true;
      store::StoreResult result;
      if (const auto* read = std::get_if<store::ReadOp>(&op->op)) {
        result = backend.read(*read);
      } else {
        const auto done = backend.commit(*std::get<store::CommitPtr>(op->op));
        REQUIRE(done);
      }
      feed.handle_store_done(op->id, std::move(result));
      replicator.note_room();
    }
    while (auto event = feed.poll_event()) {
      any = true;
      if (!replicator.handle_feed_event(world.now, *event)) {
        feed_events.push_back(std::move(*event));
      }
    }
    while (auto event = replicator.poll_event()) events.push_back(*event);
  }
}

void Side::send(ConnId conn, ChannelId, std::uint32_t type, ByteView payload) {
  world.queue(*this, conn, type, to_bytes(payload));
}

void Side::send(ConnId conn, ChannelId, std::uint32_t type, ByteView head, ByteView tail) {
  auto payload = to_bytes(head);
  append(payload, tail);
  world.queue(*this, conn, type, std::move(payload));
}

void Side::close_channel(ConnId conn, ChannelId) {
  peers.erase(conn);
  world.disconnect(conn);
}

void Side::destroy(ConnId conn, std::string_view why, std::error_code) {
  destroyed.emplace_back(why);
  static_cast<void>(conn);
}

ReplicatorWorld::ReplicatorWorld() {
  Seed seed;
  seed.fill(1);
  key = make_key_pair(seed);
  manifest = store::single_signer_manifest(key.public_key);
}

Side& ReplicatorWorld::add_writer(std::string name) {
  sides_.push_back(
      std::make_unique<Side>(*this, std::move(name), store::manifest_key(manifest), manifest));
  sides_.back()->replicator.set_keep_open(true);
  return *sides_.back();
}

Side& ReplicatorWorld::add_reader(std::string name) {
  sides_.push_back(
      std::make_unique<Side>(*this, std::move(name), store::manifest_key(manifest), std::nullopt));
  return *sides_.back();
}

ConnId ReplicatorWorld::connect(Side& a, Side& b) {
  const auto conn = next_conn_++;
  links_[conn] = {&a, &b};
  a.peers[conn] = a.replicator.add_peer(now, conn, 1);
  b.peers[conn] = b.replicator.add_peer(now, conn, 1);
  a.settle();
  b.settle();
  return conn;
}

void ReplicatorWorld::disconnect(ConnId conn) {
  const auto found = links_.find(conn);
  if (found == links_.end()) return;
  const auto link = found->second;
  links_.erase(found);
  std::erase_if(messages_, [&](const Message& message) { return message.conn == conn; });
  for (auto* side : {link.a, link.b}) {
    const auto peer = side->peers.find(conn);
    if (peer == side->peers.end()) continue;
    side->replicator.remove_peer(now, peer->second);
    side->peers.erase(peer);
  }
  link.a->settle();
  link.b->settle();
}

void ReplicatorWorld::queue(Side& from, ConnId conn, std::uint32_t type, Bytes payload) {
  const auto found = links_.find(conn);
  if (found == links_.end()) return;
  auto& link = found->second;
  Message message{conn, link.a == &from ? link.b : link.a, static_cast<FeedMessage>(type),
                  std::move(payload)};
  ++counts_[{&from, message.type}];
  if (on_send && !on_send(from, message)) return;
  messages_.push_back(std::move(message));
}

void ReplicatorWorld::run(std::size_t limit) {
  for (std::size_t n = 0; n < limit && !messages_.empty(); ++n) {
    const auto message = std::move(messages_.front());
    messages_.pop_front();
    auto& to = *message.to;
    const auto peer = to.peers.find(message.conn);
    if (peer == to.peers.end()) continue;
    const bool ok = to.replicator.handle_message(
        now, peer->second, static_cast<std::uint32_t>(message.type), message.payload);
    // What came together is one turn, as it is when a stream hands over what it read.
    const bool more =
        !messages_.empty() && messages_.front().conn == message.conn && messages_.front().to == &to;
    if (!ok) {
      disconnect(message.conn);
    } else if (!more || n + 1 == limit) {
      to.settle();
    }
  }
}

void ReplicatorWorld::advance(Duration by) {
  now.mono += by;
  for (auto& side : sides_) {
    const auto due = side->replicator.next_timeout();
    if (due && *due <= now.mono) side->replicator.handle_timeout(now);
    side->settle();
  }
}

std::size_t ReplicatorWorld::count(const Side& from, FeedMessage type) const {
  const auto found = counts_.find({&from, type});
  return found != counts_.end() ? found->second : 0;
}

}  // namespace cip::test
