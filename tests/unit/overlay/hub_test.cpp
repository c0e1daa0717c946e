#include "overlay/hub.hpp"

#include <doctest/doctest.h>

#include "overlay/contact_card.hpp"
#include "tests/unit/overlay/hub_fixture.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;
using test::HubHost;
using test::HubWorld;

namespace {

constexpr FeedSharing kSeed{.serve = true, .keep_open = true};

// A writer that seeds a feed, and a reader that wants it.
struct FeedPair {
  explicit FeedPair(std::size_t blocks, std::size_t size = 100)
      : writer(world.add()), reader(world.add()) {
    source = world.add_feed(writer, key, true, kSeed);
    if (blocks > 0) world.append(writer, source, key, blocks, size);
    copy = world.add_feed(reader, key, false, {});
  }
  ConnId dial() {
    const auto& feed = *reader.hub->replication().find_feed(copy);
    return reader.hub->dial(world.now(), tcp_candidate(writer.tcp), {feed.discovery_key()});
  }
  DownloadId download(DownloadOptions options = {}) {
    return reader.hub->replication().download(world.now(), copy, options);
  }
  const store::Feed& from() { return *writer.hub->replication().find_feed(source); }
  const store::Feed& to() { return *reader.hub->replication().find_feed(copy); }
  bool is_complete() {
    return to().length() == from().length() && to().tree_hash() == from().tree_hash() &&
           to().contiguous_length() == to().length();
  }

  HubWorld world;
  KeyPair key = test::key_pair(7);
  HubHost& writer;
  HubHost& reader;
  store::FeedNumber source = 0;
  store::FeedNumber copy = 0;
};

}  // namespace

TEST_CASE("a feed is downloaded over a plain connection by key alone") {
  for (const std::size_t blocks : {1u, 100u, 3000u}) {
    CAPTURE(blocks);
    FeedPair f(blocks);
    f.download();
    f.dial();
    f.world.run(20ms);
    CHECK(f.is_complete());
    CHECK(f.to().length() == blocks);
    REQUIRE(f.reader.replicated<InSync>().size() == 1);
    CHECK(f.reader.replicated<InSync>()[0].finished);
    REQUIRE(f.reader.seen<StreamUp>().size() == 1);
    CHECK(f.reader.seen<StreamUp>()[0].stream.peer == f.writer.key.public_key);
    CHECK(f.writer.seen<StreamUp>()[0].stream.peer == f.reader.key.public_key);
    CHECK(f.reader.hub->replication().counters(f.copy).retries == 0);
  }
}

TEST_CASE("a link of another kind carries streams as those of TCP do") {
  FeedPair f(100);
  f.writer.pipe = {0x0a0000ff, 7};
  const Candidate by_pipe{test::kPipe, f.writer.pipe};
  f.download();
  const auto conn = f.reader.hub->dial(
      f.world.now(), by_pipe, {f.reader.hub->replication().find_feed(f.copy)->discovery_key()});
  f.world.run(20ms);
  CHECK(f.is_complete());
  REQUIRE(f.reader.seen<StreamUp>().size() == 1);
  CHECK(f.reader.seen<StreamUp>()[0].stream.remote == by_pipe);
  REQUIRE(f.writer.seen<StreamUp>().size() == 1);
  CHECK(f.writer.seen<StreamUp>()[0].stream.remote.kind == test::kPipe);
  f.world.cut(f.reader, conn);
  CHECK(f.reader.seen<StreamDown>().size() == 1);
  // Where a pipe leads nothing listens by TCP.
  f.reader.hub->dial(f.world.now(), tcp_candidate(f.writer.pipe));
  f.world.run(20ms);
  REQUIRE(f.reader.seen<DialFailed>().size() == 1);
  CHECK(f.reader.seen<DialFailed>()[0].to == tcp_candidate(f.writer.pipe));
}

TEST_CASE("large blocks cross a driver that is often full") {
  FeedPair f(100, 64 << 10);
  f.world.driver_room = 100'000;
  f.download();
  f.dial();
  f.world.run(500ms);
  CHECK(f.is_complete());
}

TEST_CASE("what is appended while the stream is open arrives") {
  FeedPair f(3);
  f.download({.start = 0, .end = {}, .follow = true});
  f.dial();
  f.world.run(10ms);
  for (int i = 0; i < 5; ++i) {
    f.world.append(f.writer, f.source, f.key, 2);
    f.world.run(5ms);
    CHECK(f.is_complete());
  }
  CHECK(f.to().length() == 13);
}

TEST_CASE("a feed that the other side does not share is refused") {
  FeedPair f(3);
  f.writer.hub->replication().set_sharing(f.world.now(), f.source, {});
  f.download();
  f.dial();
  f.world.run(20ms);
  CHECK(f.to().length() == 0);
  CHECK(f.reader.feed_seen<FeedRefused>().size() == 1);
  CHECK(f.writer.hub->replication().feeds_on(f.writer.seen<StreamUp>()[0].stream.conn).empty());
}

TEST_CASE("several feeds share one stream") {
  FeedPair f(50);
  const auto other = test::key_pair(8);
  const auto source = f.world.add_feed(f.writer, other, true, kSeed);
  f.world.append(f.writer, source, other, 70);
  const auto copy = f.world.add_feed(f.reader, other, false, {});
  f.download();
  f.reader.hub->replication().download(f.world.now(), copy, {});
  const auto conn = f.dial();
  f.reader.hub->want_on(f.world.now(), f.writer.key.public_key,
                        f.reader.hub->replication().find_feed(copy)->discovery_key());
  f.world.run(50ms);
  CHECK(f.is_complete());
  CHECK(f.reader.hub->replication().find_feed(copy)->contiguous_length() == 70);
  CHECK(f.reader.hub->replication().feeds_on(conn).size() == 2);
  CHECK(f.reader.hub->streams().size() == 1);
}

TEST_CASE("a download goes on after its connection broke, without fetching again what it has") {
  FeedPair f(2000, 1000);
  f.world.pieces_per_ms = 1;
  f.download();
  const auto first = f.dial();
  f.world.run(14ms);
  const auto before = f.to().blocks().count();
  REQUIRE(before > 100);
  REQUIRE(before < 1900);
  f.world.cut(f.reader, first);
  CHECK(f.reader.seen<StreamDown>().size() == 1);
  const auto held = f.to().blocks().count();
  const auto served = f.writer.hub->replication().counters(f.source).blocks_served;
  f.world.pieces_per_ms = SIZE_MAX;
  f.dial();
  f.world.run(100ms);
  CHECK(f.is_complete());
  CHECK(f.writer.hub->replication().counters(f.source).blocks_served - served == 2000 - held);
}

TEST_CASE("a dial that nobody answers fails with an event") {
  FeedPair f(1);
  const auto conn = f.reader.hub->dial(f.world.now(), tcp_candidate({0x7f000001, 1}));
  f.world.run(5ms);
  REQUIRE(f.reader.seen<DialFailed>().size() == 1);
  CHECK(f.reader.seen<DialFailed>()[0].conn == conn);
}

TEST_CASE("sockets that prove nothing are closed in time and limited in number") {
  HubWorld world;
  auto& host = world.add();
  std::vector<ConnId> sockets;
  for (std::size_t i = 0; i < kMaxUnprovenLoopback; ++i) {
    sockets.push_back(world.accept_stranger(host));
    REQUIRE(sockets.back() != 0);
  }
  CHECK(world.accept_stranger(host) == 0);
  CHECK(host.hub->handle_accepted(world.now(), tcp_candidate({0x0a000001, 1})) != 0);
  world.run(4900ms);
  CHECK_FALSE(world.is_closed(host, sockets[0]));
  world.run(200ms);
  for (const auto conn : sockets) CHECK(world.is_closed(host, conn));
  CHECK(world.accept_stranger(host) != 0);
}

TEST_CASE("who looks whether the port is open, and says nothing, is no stream that broke") {
  HubWorld world;
  auto& host = world.add();
  const auto reset = std::make_error_code(std::errc::connection_reset);
  const auto silent = world.accept_stranger(host);
  host.hub->handle_closed(world.now(), silent, reset);
  CHECK(host.hub->counters().closed.empty());
  const auto broken = world.accept_stranger(host);
  Bytes begun{0, 0, 0, 50};
  host.hub->handle_bytes(world.now(), broken, begun);
  host.hub->handle_closed(world.now(), broken, reset);
  CHECK(host.hub->counters().closed.size() == 1);
}

TEST_CASE("random bytes close their connection and nothing else") {
  FeedPair f(10);
  f.download();
  f.dial();
  f.world.run(10ms);
  SeededRandom random(3);
  for (int i = 0; i < 50; ++i) {
    const auto conn = f.world.accept_stranger(f.writer);
    REQUIRE(conn != 0);
    Bytes noise(1 + random.below(300));
    random.fill(noise);
    f.writer.hub->handle_bytes(f.world.now(), conn, noise);
    while (f.writer.hub->poll_link()) {
    }
  }
  f.world.run(6s);
  CHECK(f.writer.hub->streams().size() == 1);
  CHECK(f.is_complete());
  CHECK(f.writer.hub->handle_accepted(f.world.now(), tcp_candidate({0x7f000001, 9})) != 0);
}

TEST_CASE("peers that are not allowed get no stream") {
  HubWorld world;
  auto& a = world.add();
  HubOptions options;
  options.deny.insert(a.key.public_key);
  auto& b = world.add(options);
  a.hub->dial(world.now(), tcp_candidate(b.tcp));
  world.run(10ms);
  CHECK(b.seen<StreamUp>().empty());
  CHECK(a.hub->streams().empty());
}

TEST_CASE("of two streams between the same peers one stays, the same on both sides") {
  HubWorld world;
  auto& a = world.add();
  auto& b = world.add();
  a.hub->dial(world.now(), tcp_candidate(b.tcp));
  b.hub->dial(world.now(), tcp_candidate(a.tcp));
  world.run(50ms);
  REQUIRE(a.hub->streams().size() == 1);
  REQUIRE(b.hub->streams().size() == 1);
  const auto kept = a.hub->streams()[0].stream;
  CHECK(kept.handshake_hash == b.hub->streams()[0].stream.handshake_hash);
  const bool a_is_greater = a.key.public_key > b.key.public_key;
  CHECK(kept.initiator == a_is_greater);
  // One that the same side begins again is given up, and the dial still ends in a stream.
  a.events.clear();
  a.hub->dial(world.now(), tcp_candidate(b.tcp));
  world.run(10s);
  CHECK(a.hub->streams().size() == 1);
  CHECK(b.hub->streams().size() == 1);
}

TEST_CASE("a feed is found and fetched by key alone: lookup, hello, bound stream") {
  HubWorld world;
  world.net.add_many(6);
  auto& writer = world.add_with_dht();
  auto& reader = world.add_with_dht();
  world.serve(writer);
  const auto key = test::key_pair(7);
  const auto source = world.add_feed(writer, key, true, kSeed);
  world.append(writer, source, key, 500);
  const auto target = writer.hub->replication().find_feed(source)->discovery_key();
  writer.hub->swarm()->join(world.now(), target, {.find = false, .announce = true});
  world.run(3s);

  const auto copy = world.add_feed(reader, key, false, {});
  reader.hub->replication().download(world.now(), copy, {});
  reader.hub->swarm()->join(world.now(), target, {.find = true, .announce = false});
  reader.hub->settle(world.now());
  world.run(5s);
  const auto& feed = *reader.hub->replication().find_feed(copy);
  CHECK(feed.length() == 500);
  CHECK(feed.contiguous_length() == 500);
  REQUIRE(reader.hub->streams().size() == 1);
  const auto stream = reader.hub->streams()[0].stream;
  CHECK(stream.bound);
  CHECK(stream.initiator);
  CHECK(stream.peer == writer.key.public_key);
  CHECK(writer.hub->streams()[0].stream.handshake_hash == stream.handshake_hash);
  CHECK(writer.hub->greeter()->pending_count() == 0);
}

TEST_CASE("peers that open no streams over TCP have one over UDX, also where datagrams are lost") {
  for (const std::size_t lost : {0, 10}) {
    HubWorld world;
    world.net.add_many(6);
    auto& writer = world.add_with_dht();
    auto& reader = world.add_with_dht();
    world.leave_tcp(reader);
    world.serve(writer);
    world.datagrams_lost = lost;
    const auto key = test::key_pair(7);
    const auto source = world.add_feed(writer, key, true, kSeed);
    world.append(writer, source, key, 300, 2000);
    const auto copy = world.add_feed(reader, key, false, {});
    const auto target = reader.hub->replication().find_feed(copy)->discovery_key();
    reader.hub->replication().download(world.now(), copy, {});
    reader.hub->swarm()->add_candidate(world.now(), writer.key.public_key, target);
    reader.hub->settle(world.now());
    world.run(20s);
    CHECK(reader.hub->replication().find_feed(copy)->contiguous_length() == 300);
    REQUIRE(reader.hub->streams().size() == 1);
    const auto stream = reader.hub->streams()[0].stream;
    CHECK(stream.remote.kind == LinkKind::udx);
    CHECK(stream.initiator);
    CHECK(stream.peer == writer.key.public_key);
    REQUIRE(writer.hub->streams().size() == 1);
    CHECK(writer.hub->streams()[0].stream.handshake_hash == stream.handshake_hash);
    CHECK((writer.hub->udx().streams().counters().retransmits > 0) == (lost > 0));
    // One of two that are healthy ends: the other hears of it at once.
    writer.hub->stop(world.now());
    world.run(100ms);
    CHECK(reader.seen<StreamDown>().size() == 1);
  }
}

TEST_CASE("cipnodes between which no TCP goes have a bound stream over UDX") {
  for (const bool silent : {false, true}) {
    CAPTURE(silent);
    HubWorld world;
    world.net.add_many(6);
    auto& writer = world.add_with_dht();
    auto& reader = world.add_with_dht();
    world.serve(writer);
    (silent ? writer.silent : writer.accepts) = silent;
    reader.hub->swarm()->add_candidate(world.now(), writer.key.public_key, std::nullopt);
    reader.hub->settle(world.now());
    world.run(2s);
    for (auto* host : {&reader, &writer}) {
      REQUIRE(host->hub->streams().size() == 1);
      const auto stream = host->hub->streams()[0].stream;
      CHECK(stream.remote.kind == LinkKind::udx);
      CHECK(stream.bound);
      CHECK(stream.initiator == (host == &reader));
    }
    CHECK(writer.hub->streams()[0].stream.handshake_hash ==
          reader.hub->streams()[0].stream.handshake_hash);
    CHECK(writer.hub->greeter()->pending_count() == 0);
  }
}

TEST_CASE(
    "where TCP leads to the peer no stream over UDX is begun, and its ends are gone at once") {
  HubWorld world;
  world.net.add_many(6);
  auto& writer = world.add_with_dht();
  auto& reader = world.add_with_dht();
  world.serve(writer);
  reader.hub->swarm()->add_candidate(world.now(), writer.key.public_key, std::nullopt);
  reader.hub->settle(world.now());
  world.run(1s);
  for (auto* host : {&reader, &writer}) {
    REQUIRE(host->hub->streams().size() == 1);
    CHECK(host->hub->streams()[0].stream.remote.kind == LinkKind::tcp);
    CHECK(host->hub->udx().streams().counters().packets_out == 0);
    CHECK_FALSE(host->hub->udx().next_timeout());
  }
}

TEST_CASE("a peer that TCP and UDX do not reach is asked to dial before the links are given up") {
  HubWorld world;
  world.net.add_many(6);
  auto& writer = world.add_with_dht();
  auto& reader = world.add_with_dht();
  world.serve(writer);
  writer.accepts = false;
  world.datagrams_lost = 100;
  reader.hub->swarm()->add_candidate(world.now(), writer.key.public_key, std::nullopt);
  reader.hub->settle(world.now());
  world.run(5s);
  REQUIRE(reader.hub->streams().size() == 1);
  CHECK(reader.hub->streams()[0].stream.initiator);
  CHECK_FALSE(reader.hub->streams()[0].stream.outgoing);
}

TEST_CASE("of two calls over UDX at the same time one stream stays, the same on both sides") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    HubWorld world(seed);
    world.net.add_many(6);
    auto& a = world.add_with_dht();
    auto& b = world.add_with_dht();
    world.leave_tcp(a);
    world.leave_tcp(b);
    world.serve(a);
    world.serve(b);
    a.hub->swarm()->add_candidate(world.now(), b.key.public_key, std::nullopt);
    b.hub->swarm()->add_candidate(world.now(), a.key.public_key, std::nullopt);
    a.hub->settle(world.now());
    b.hub->settle(world.now());
    world.run(10s);
    REQUIRE(a.hub->streams().size() == 1);
    REQUIRE(b.hub->streams().size() == 1);
    CHECK(a.hub->streams()[0].stream.handshake_hash == b.hub->streams()[0].stream.handshake_hash);
  }
}

TEST_CASE("who takes no streams over UDX is not called over it, and says so") {
  HubWorld world;
  world.net.add_many(6);
  HubOptions options;
  options.udx = false;
  auto& writer = world.add_with_dht(std::move(options));
  auto& reader = world.add_with_dht();
  world.leave_tcp(reader);
  world.serve(writer);
  reader.hub->swarm()->add_candidate(world.now(), writer.key.public_key, std::nullopt);
  reader.hub->settle(world.now());
  world.run(20s);
  CHECK(reader.hub->streams().empty());
  CHECK(std::ranges::any_of(reader.seen<SwarmEvent>(), [](const SwarmEvent& event) {
    return std::holds_alternative<AttemptFailed>(event);
  }));
  CHECK(reader.hub->udx().streams().counters().packets_out == 0);
}

TEST_CASE("a peer that cannot be reached is asked to dial") {
  HubWorld world;
  world.net.add_many(6);
  HubOptions options;
  options.udx = false;
  auto& writer = world.add_with_dht(std::move(options));
  auto& reader = world.add_with_dht();
  world.serve(writer);
  const auto key = test::key_pair(7);
  const auto source = world.add_feed(writer, key, true, kSeed);
  world.append(writer, source, key, 20);
  writer.accepts = false;
  const auto copy = world.add_feed(reader, key, false, {});
  const auto target = reader.hub->replication().find_feed(copy)->discovery_key();
  reader.hub->replication().download(world.now(), copy, {});
  reader.hub->swarm()->add_candidate(world.now(), writer.key.public_key, target);
  reader.hub->settle(world.now());
  world.run(10s);
  REQUIRE(reader.hub->streams().size() == 1);
  CHECK(reader.hub->streams()[0].stream.initiator);
  CHECK_FALSE(reader.hub->streams()[0].stream.outgoing);
  CHECK(reader.hub->replication().find_feed(copy)->contiguous_length() == 20);
}

TEST_CASE("a peer that went away is tried again until it is back") {
  HubWorld world;
  world.net.add_many(6);
  auto& writer = world.add_with_dht();
  auto& reader = world.add_with_dht();
  world.serve(writer);
  reader.hub->swarm()->add_candidate(world.now(), writer.key.public_key, std::nullopt);
  world.run(5s);
  REQUIRE(reader.hub->streams().size() == 1);
  world.cut(reader, reader.hub->streams()[0].stream.conn);
  CHECK(reader.hub->streams().empty());
  world.run(5s);
  CHECK(reader.hub->streams().size() == 1);
  CHECK(reader.hub->swarm()->candidates() == 1);
}

TEST_CASE("who loses the last peer for a target looks for others within seconds") {
  HubWorld world;
  world.net.add_many(6);
  auto& writer = world.add_with_dht();
  auto& seeder = world.add_with_dht();
  auto& reader = world.add_with_dht();
  world.serve(writer);
  const Bytes32 target{7};
  const JoinOptions announces{.find = false, .announce = true};
  writer.hub->swarm()->join(world.now(), target, announces);
  world.run(3s);
  reader.hub->swarm()->join(world.now(), target);
  world.run(5s);
  REQUIRE(reader.hub->streams().size() == 1);
  world.serve(seeder);
  seeder.hub->swarm()->join(world.now(), target, announces);
  world.run(10s);
  REQUIRE(reader.hub->streams().size() == 1);  // it has a peer, and does not look for more
  writer.accepts = false;
  world.cut(reader, reader.hub->streams()[0].stream.conn);
  world.run(5s);
  CHECK(reader.hub->stream_to(seeder.key.public_key));
  CHECK(reader.hub->swarm()->candidates_for(target).size() == 2);
}

TEST_CASE("a dial to a peer that has a stream already says which one is used") {
  FeedPair pair(10);
  pair.dial();
  pair.world.run(1s);
  const auto first = pair.reader.hub->streams().at(0).stream.conn;
  const auto second = pair.dial();
  pair.reader.hub->settle(pair.world.now());
  pair.world.run(1s);
  const auto ups = pair.reader.seen<StreamUp>();
  REQUIRE(ups.size() == 2);
  CHECK(ups[0].instead_of == 0);
  CHECK(ups[1].instead_of == second);
  CHECK(ups[1].stream.conn == first);
}

namespace {

// A writer that no hello reaches and whose TCP listener has a public address, a reader that knows
// its key, and what is stored under that key.
struct CardPair {
  CardPair() {
    writer.tcp = {0xcb007109, 49737};
    const auto key = test::key_pair(7);
    const auto source = world.add_feed(writer, key, true, kSeed);
    world.append(writer, source, key, 20);
    copy = world.add_feed(reader, key, false, {});
  }
  void store(std::vector<Endpoint> endpoints, std::uint64_t expiry) {
    ContactCard card;
    card.tcp.endpoints = std::move(endpoints);
    card.expiry = expiry;
    const auto id = world.net.act(0, [&](dht::Node& node) {
      return *node.put_mutable(world.now(), writer.key, 1, encode_contact_card(card));
    });
    REQUIRE(world.net.wait_done(0, id) != nullptr);
  }
  void seek() {
    const auto target = reader.hub->replication().find_feed(copy)->discovery_key();
    reader.hub->replication().download(world.now(), copy, {});
    reader.hub->swarm()->add_candidate(world.now(), writer.key.public_key, target);
    reader.hub->settle(world.now());
    world.run(15s);
  }
  std::uint64_t in(std::uint64_t seconds) { return world.now().wall.value / 1000 + seconds; }
  bool has_all() { return reader.hub->replication().find_feed(copy)->contiguous_length() == 20; }

  HubWorld world;
  HubHost& first = add_first();
  HubHost& writer = world.add_with_dht();
  HubHost& reader = world.add_with_dht();
  store::FeedNumber copy = 0;

 private:
  HubHost& add_first() {
    world.net.add_many(6);
    return world.add();
  }
};

}  // namespace

TEST_CASE("a peer that no hello reaches is dialled by its contact card") {
  CardPair f;
  f.store({f.writer.tcp}, f.in(3600));
  f.seek();
  REQUIRE(f.reader.hub->streams().size() == 1);
  const auto stream = f.reader.hub->streams()[0].stream;
  CHECK_FALSE(stream.bound);
  CHECK(stream.outgoing);
  CHECK(stream.remote == tcp_candidate(f.writer.tcp));
  CHECK(stream.peer == f.writer.key.public_key);
  CHECK(f.reader.hub->cards_read() == 1);
  CHECK(f.has_all());
}

TEST_CASE("a card that is over, or that names no public endpoint, is not dialled") {
  CardPair f;
  const auto at_home = f.first.tcp;  // somebody's listener on loopback
  SUBCASE("over") { f.store({f.writer.tcp}, f.in(0)); }
  SUBCASE("loopback") { f.store({at_home}, f.in(3600)); }
  SUBCASE("none stored") {}
  f.seek();
  CHECK(f.reader.hub->streams().empty());
  CHECK(f.reader.hub->counters().dialled == 0);
  CHECK(f.first.hub->counters().accepted == 0);
  const auto failures = f.reader.seen<SwarmEvent>();
  CHECK_FALSE(failures.empty());
}

TEST_CASE("who answers at the address of a card and holds another key is not told our own") {
  CardPair f;
  f.first.tcp = {0xcb00710a, 49737};
  f.store({f.first.tcp, f.writer.tcp}, f.in(3600));
  SUBCASE("the next address is right") {
    f.seek();
    CHECK(f.has_all());
  }
  SUBCASE("none is right") {
    f.writer.accepts = false;
    f.seek();
    CHECK(f.reader.hub->streams().empty());
    CHECK(f.reader.hub->counters().closed.at("another peer answers at this address") > 0);
  }
  CHECK(f.first.hub->counters().accepted > 0);
  CHECK(f.first.seen<StreamUp>().empty());
}
