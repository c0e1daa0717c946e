#pragma once

// Whole participants with their feeds and topics on loopback sockets in one io_context. A home is
// what outlives its node: nodes of one home come one after the other.

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/topic_library.hpp"
#include "store/memory_backend.hpp"
#include "tests/unit/node/support.hpp"

namespace cip::test {

struct Home {
  explicit Home(Random& random) : primary_key(random.bytes<32>()), backend(random) {}
  Home(Random& random, const Bytes32& primary) : primary_key(primary), backend(random) {}
  Bytes32 primary_key;
  store::MemoryBackend backend;
  std::optional<KeyPair> identity;  // without one each node of this home draws its own
};

struct Peer {
  Peer(asio::io_context& io, dht::ContactArena& arena, Random& random,
       std::vector<Endpoint> contacts, std::shared_ptr<Home> of)
      : home(std::move(of)), backend(home->backend), pool(io, backend, 1), mark(pool, {}) {
    pool.serve(storage);
    node::ParticipantOptions options;
    options.identity = home->identity.value_or(make_key_pair(random.bytes<32>()));
    options.dht.bootstrap = std::move(contacts);
    options.listen = Endpoint{0x7f000001, 0};
    node = std::move(*node::Participant::open({io, arena, random, pool}, std::move(options)));
    feeds = std::make_unique<node::FeedLibrary>(*node, storage, home->primary_key, random, true);
    topics = std::make_unique<node::TopicLibrary>(*node, *feeds, storage, backend.instance(), true,
                                                  mark);
    node->on_feed_news = [this](const overlay::FeedNews& news) { feeds->handle(news); };
    node->on_turn = [this](Now now) { topics->handle_turn(now); };
    node->next_other_timeout = [this] { return topics->next_timeout(); };
    node->start();
  }
  ~Peer() { node->stop(); }

  std::shared_ptr<Home> home;
  store::MemoryBackend& backend;
  store::StorageRequests storage;
  node::StoragePool pool;
  node::HomeMark mark;
  std::unique_ptr<node::Participant> node;
  std::unique_ptr<node::FeedLibrary> feeds;
  std::unique_ptr<node::TopicLibrary> topics;
};

inline std::vector<Bytes> numbered_blocks(int count) {
  std::vector<Bytes> blocks;
  for (int i = 0; i < count; ++i)
    blocks.push_back(to_bytes(bytes_of("block " + std::to_string(i))));
  return blocks;
}

struct NetworkFixture {
  asio::io_context io;
  dht::ContactArena arena;
  SeededRandom random{42};
  std::vector<std::unique_ptr<Peer>> peers;

  // A node in the network of those before; of a home of its own, unless one is given.
  Peer& add(std::shared_ptr<Home> home = nullptr) {
    std::vector<Endpoint> contacts;
    if (!peers.empty()) contacts.push_back(peers.front()->node->local());
    if (!home) home = std::make_shared<Home>(random);
    peers.push_back(std::make_unique<Peer>(io, arena, random, contacts, std::move(home)));
    auto& added = *peers.back();
    REQUIRE(run_until(io, [&] { return added.node->has_settled(); }));
    return added;
  }
  // A node of a home of its own that has this identity.
  Peer& add(const KeyPair& identity) {
    auto home = std::make_shared<Home>(random);
    home->identity = identity;
    return add(std::move(home));
  }
  // Ends the node that came last; its home is left.
  std::shared_ptr<Home> end_last() {
    auto home = peers.back()->home;
    peers.pop_back();
    return home;
  }

  node::Outcome<node::FeedUse> open(Peer& peer, node::FeedQuery query,
                                    std::string user = "a test") {
    std::optional<node::Outcome<node::FeedUse>> use;
    peer.feeds->open(std::move(query), std::move(user),
                     [&](node::Outcome<node::FeedUse> opened) { use = std::move(opened); });
    REQUIRE(run_until(io, [&] { return use.has_value(); }));
    return std::move(*use);
  }
  // Opens a feed by its key, or opens it again.
  node::FeedUse open(Peer& peer, const Bytes32& key, std::string user = "a test") {
    node::FeedQuery query;
    query.key = key;
    auto use = open(peer, std::move(query), std::move(user));
    REQUIRE(use);
    return std::move(*use);
  }
  node::FeedUse create(Peer& writer, const store::NewWriter& wanted) {
    std::optional<node::Outcome<node::FeedUse>> own;
    writer.feeds->create(wanted, "a test",
                         [&](node::Outcome<node::FeedUse> made) { own = std::move(made); });
    REQUIRE(run_until(io, [&] { return own.has_value(); }));
    REQUIRE(*own);
    return std::move(**own);
  }
  // Appends and waits until the disk has it.
  void append(Peer& writer, store::FeedNumber number, std::vector<Bytes> blocks) {
    const auto length = writer.feeds->append(number, std::move(blocks));
    REQUIRE(length);
    REQUIRE(run_until(io, [&] { return writer.feeds->feed(number)->length() >= *length; }));
  }
  // An own feed called "log" with so many blocks.
  node::FeedUse make_feed(Peer& writer, int blocks, bool derived = false) {
    store::NewWriter wanted;
    wanted.name = "log";
    wanted.derived = derived;
    auto own = create(writer, wanted);
    append(writer, own.number(), numbered_blocks(blocks));
    return own;
  }
  // A feed of another with its first blocks, fetched from the network.
  node::FeedUse fetch(Peer& reader, const Bytes32& key, std::uint64_t blocks) {
    auto copy = open(reader, key);
    const auto seeking = reader.feeds->search(copy.number());
    reader.node->hub().replication().download(now(), copy.number(), {.end = blocks});
    reader.node->changed();
    REQUIRE(run_until(io, [&] {
      const auto* feed = reader.feeds->feed(copy.number());
      return feed->contiguous_length() >= blocks && feed->uncommitted_bytes() == 0;
    }));
    return copy;
  }

  static Now now() { return node::now(); }
};

}  // namespace cip::test
