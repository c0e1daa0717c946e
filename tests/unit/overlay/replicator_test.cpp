#include "overlay/replicator.hpp"

#include <doctest/doctest.h>

#include "tests/unit/overlay/replicator_fixture.hpp"

using namespace cip;
using namespace cip::overlay;
using test::ReplicatorWorld;
using test::Side;

namespace {

void check_complete(Side& side, const Side& writer) {
  REQUIRE(side.feed.length() == writer.feed.length());
  CHECK(side.feed.tree_hash() == writer.feed.tree_hash());
  CHECK(side.feed.contiguous_length() == side.feed.length());
  for (std::uint64_t i = 0; i < side.feed.length(); ++i) {
    CAPTURE(i);
    REQUIRE(side.block(i) == test::test_block(i));
  }
}

}  // namespace

TEST_CASE("a reader that knows the key alone fetches the whole feed and says when it is done") {
  for (const std::uint64_t length : {1u, 7u, 100u, 1500u}) {
    CAPTURE(length);
    ReplicatorWorld world;
    auto& writer = world.add_writer();
    auto& reader = world.add_reader("reader");
    writer.grow_to(length);
    const auto id = reader.replicator.download(world.now, {});
    world.connect(writer, reader);
    world.run();
    check_complete(reader, writer);
    const auto done = reader.seen<InSync>();
    REQUIRE(done.size() == 1);
    CHECK(done[0].download == id);
    CHECK(done[0].finished);
    CHECK(done[0].length == length);
    CHECK(reader.replicator.counters().blocks_fetched == length);
    CHECK(reader.replicator.counters().retries == 0);
    CHECK(world.count(writer, FeedMessage::data) <= length + 1);
  }
}

TEST_CASE("proofs of blocks in a row stay short, because requests rely on those before") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(1024);
  std::size_t nodes = 0;
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    if (&from == &writer && message.type == FeedMessage::data) {
      const auto data = decode_data(message.payload);
      if (data->proof.block) nodes += data->proof.block->nodes.size();
    }
    return true;
  };
  reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.run();
  check_complete(reader, writer);
  CHECK(nodes < 1100);  // each of 1,024 blocks alone would need up to ten
}

TEST_CASE("what is appended later arrives by itself where the feed is followed") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  reader.replicator.download(world.now, {.start = 0, .end = {}, .follow = true});
  world.connect(writer, reader);
  world.run();
  for (std::uint64_t length = 1; length <= 20; ++length) {
    writer.grow_to(length);
    world.run();
    REQUIRE(reader.feed.length() == length);
  }
  check_complete(reader, writer);
  CHECK(reader.seen<InSync>().size() >= 20);
  CHECK_FALSE(reader.seen<InSync>().back().finished);
  CHECK(world.count(reader, FeedMessage::request) == 21);  // the manifest, and one for each append
}

TEST_CASE("an append reaches a reader's reader") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& middle = world.add_reader("middle");
  auto& end = world.add_reader("end");
  middle.replicator.download(world.now, {.start = 0, .end = {}, .follow = true});
  end.replicator.download(world.now, {.start = 0, .end = {}, .follow = true});
  world.connect(writer, middle);
  world.connect(middle, end);
  writer.grow_to(50);
  world.run();
  writer.grow_to(53);
  world.run();
  check_complete(end, writer);
}

TEST_CASE("only the blocks of the range are fetched") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(100);
  reader.replicator.download(world.now, {.start = 40, .end = 50});
  world.connect(writer, reader);
  world.run();
  CHECK(reader.feed.length() == 100);
  CHECK(reader.feed.blocks().count() == 10);
  CHECK(reader.block(49) == test::test_block(49));
  CHECK(reader.seen<InSync>().size() == 1);
}

TEST_CASE("a download counts the blocks of its own range, whatever else is fetched at the time") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(100);
  const auto part = reader.replicator.download(world.now, {.start = 40, .end = 50});
  const auto whole = reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.run();
  std::uint64_t bytes_of_part = 0;
  for (std::uint64_t i = 40; i < 50; ++i) bytes_of_part += test::test_block(i).size();
  for (const auto& done : reader.seen<InSync>()) {
    if (done.download == part) CHECK(done.fetched.blocks == 10);
    if (done.download == part) CHECK(done.fetched.bytes == bytes_of_part);
    if (done.download == whole) CHECK(done.fetched.blocks == 100);
  }
  CHECK(reader.seen<InSync>().size() == 2);
}

TEST_CASE("after a broken connection only what is missing is asked for again") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(500);
  reader.replicator.download(world.now, {});
  const auto first = world.connect(writer, reader);
  world.run(300);
  world.disconnect(first);
  const auto held = reader.feed.blocks().count();
  REQUIRE(held > 50);
  REQUIRE(held < 450);
  const auto served = writer.replicator.counters().blocks_served;
  world.connect(writer, reader);
  world.run();
  check_complete(reader, writer);
  CHECK(writer.replicator.counters().blocks_served - served == 500 - held);
}

TEST_CASE("two seeders share the work") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& second = world.add_reader("second");
  auto& reader = world.add_reader("reader");
  writer.grow_to(1000);
  second.replicator.download(world.now, {});
  second.replicator.set_keep_open(true);
  world.connect(writer, second);
  world.run();
  const auto before = writer.replicator.counters().blocks_served;
  reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.connect(second, reader);
  world.run();
  check_complete(reader, writer);
  const auto a = writer.replicator.counters().blocks_served - before;
  const auto b = second.replicator.counters().blocks_served;
  CHECK(a + b == 1000);
  CHECK(a > 200);
  CHECK(b > 200);
}

TEST_CASE("requests of a lost peer are made again elsewhere") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& second = world.add_reader("second");
  auto& reader = world.add_reader("reader");
  writer.grow_to(300);
  second.replicator.download(world.now, {});
  second.replicator.set_keep_open(true);
  world.connect(writer, second);
  world.run();
  reader.replicator.download(world.now, {});
  const auto lost = world.connect(writer, reader);
  world.connect(second, reader);
  world.run(200);
  world.disconnect(lost);
  world.run();
  check_complete(reader, writer);
}

TEST_CASE("a peer that falls silent loses its requests to another") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& second = world.add_reader("second");
  auto& reader = world.add_reader("reader");
  writer.grow_to(300);
  second.replicator.download(world.now, {});
  second.replicator.set_keep_open(true);
  world.connect(writer, second);
  world.run();
  std::size_t answers = 0;
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    return &from != &writer || message.type != FeedMessage::data || ++answers < 20;
  };
  reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.connect(second, reader);
  world.run();
  CHECK(reader.feed.blocks().count() < 300);
  world.advance(kStallTimeout);
  world.run();
  check_complete(reader, writer);
  CHECK(world.count(reader, FeedMessage::cancel) > 0);
}

TEST_CASE("a lone peer that vanishes while blocks are asked of it loses its stream after 30 s") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(300);
  bool gone = false;
  std::size_t answers = 0;
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    if (&from == &writer && message.type == FeedMessage::data) gone = ++answers > 20;
    return &from != &writer || !gone;
  };
  const auto download = reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.run();
  REQUIRE(reader.replicator.state_of(download)->requests > 0);
  world.advance(kStallTimeout);
  world.run();
  CHECK(reader.destroyed.empty());
  world.advance(kStallTimeout);
  world.run();
  CHECK(reader.destroyed == std::vector<std::string>{"feed peer that fell silent"});
  const auto state = reader.replicator.state_of(download);
  CHECK(state->requests == 0);
  CHECK(state->missing > 0);
}

TEST_CASE("a peer that keeps alive and does not answer is not asked until it does") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(50);
  bool answers = false;
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    return answers || &from != &writer || message.type != FeedMessage::data;
  };
  const auto download = reader.replicator.download(world.now, {});
  const auto conn = world.connect(writer, reader);
  world.run();
  for (int i = 0; i < 2; ++i) {
    reader.kept_alive[conn] = world.now.mono + kStallTimeout;
    world.advance(kStallTimeout);
    world.run();
  }
  CHECK(reader.destroyed.empty());
  CHECK(reader.replicator.peers().front().stalled);
  CHECK(reader.replicator.state_of(download)->requests == 0);
  answers = true;
  writer.grow_to(51);
  world.run();
  CHECK(reader.replicator.peers().front().stalled);  // word of more blocks is no answer
}

TEST_CASE("a process that stood still does not take its peers for silent") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(50);
  bool is_stopped = true;
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    return !is_stopped || &from != &writer || message.type != FeedMessage::data;
  };
  reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.run();
  world.advance(10 * kSilenceLimit);
  CHECK(reader.destroyed.empty());
}

TEST_CASE("what a download waits for is known: the block that nobody has, and who claims more") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& part = world.add_reader("part");
  auto& reader = world.add_reader("reader");
  writer.grow_to(100);
  part.replicator.download(world.now, {.start = 0, .end = 57});
  part.replicator.set_keep_open(true);
  world.connect(writer, part);
  world.run();
  const auto download = reader.replicator.download(world.now, {});
  world.connect(part, reader);
  world.run();
  const auto state = reader.replicator.state_of(download);
  REQUIRE(state);
  CHECK(state->missing == 43);
  CHECK(state->first == 57);
  CHECK(state->holders == 0);
  CHECK(state->requests == 0);
}

TEST_CASE("a seeder that lies is found out and not asked again") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& liar = world.add_reader("liar");
  auto& reader = world.add_reader("reader");
  writer.grow_to(200);
  liar.replicator.download(world.now, {});
  liar.replicator.set_keep_open(true);
  world.connect(writer, liar);
  world.run();
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    if (&from != &liar || message.type != FeedMessage::data) return true;
    auto data = decode_data(message.payload);
    if (data->proof.block) data->proof.block->value.push_back(1);
    message.payload = encode_data(data->id, data->proof);
    return true;
  };
  reader.replicator.download(world.now, {});
  world.connect(liar, reader);
  world.run();
  REQUIRE(reader.seen<PeerRejected>().size() == 1);
  CHECK(reader.feed.blocks().count() == 0);
  world.connect(writer, reader);
  world.run();
  check_complete(reader, writer);
  CHECK(reader.seen<PeerRejected>().size() == 1);
}

TEST_CASE("a wrong signature rejects its peer and leaves the feed as it was") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(20);
  world.on_send = [&](Side&, ReplicatorWorld::Message& message) {
    if (message.type != FeedMessage::data) return true;
    auto data = decode_data(message.payload);
    if (data->proof.upgrade) data->proof.upgrade->signature.at(10) ^= 1;
    message.payload = encode_data(data->id, data->proof);
    return true;
  };
  reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.run();
  REQUIRE(reader.seen<PeerRejected>().size() == 1);
  CHECK(reader.seen<PeerRejected>()[0].reason == store::Errc::invalid_signature);
  CHECK(reader.feed.length() == 0);
  CHECK(reader.seen<InSync>().empty());
}

TEST_CASE("blocks that a sparse seeder lacks are learnt from its bitfield and fetched elsewhere") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& sparse = world.add_reader("sparse");
  auto& reader = world.add_reader("reader");
  writer.grow_to(100);
  sparse.replicator.download(world.now, {.start = 10, .end = 60});
  sparse.replicator.set_keep_open(true);
  world.connect(writer, sparse);
  world.run();
  reader.replicator.download(world.now, {});
  world.connect(sparse, reader);
  world.run();
  CHECK(reader.feed.blocks().count() == 50);
  CHECK(world.count(reader, FeedMessage::want) == 1);
  CHECK(world.count(sparse, FeedMessage::bitfield) == 1);
  CHECK(reader.replicator.counters().refusals == 0);
  world.connect(writer, reader);
  world.run();
  check_complete(reader, writer);
}

TEST_CASE("a peer that clears blocks says so, and they are not asked of it") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(64);
  reader.replicator.download(world.now, {.start = 0, .end = 4});
  world.connect(writer, reader);
  world.run();
  REQUIRE(writer.feed.clear(32, 64));
  writer.replicator.note_cleared(world.now, 32, 64);
  writer.settle();
  world.run();
  reader.replicator.download(world.now, {});
  reader.settle();
  world.run();
  CHECK(reader.feed.blocks().count() == 32);
  CHECK(reader.replicator.counters().refusals == 0);
}

TEST_CASE("a request for a block that is gone is answered with no-data") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(64);
  world.on_send = [&](Side&, ReplicatorWorld::Message& message) {
    return message.type != FeedMessage::range || !decode_range(message.payload)->drop;
  };
  reader.replicator.download(world.now, {.start = 0, .end = 4});
  world.connect(writer, reader);
  world.run();
  REQUIRE(writer.feed.clear(60, 64));
  writer.settle();
  reader.replicator.download(world.now, {});
  reader.settle();
  world.run();
  CHECK(world.count(writer, FeedMessage::no_data) == 4);
  CHECK(reader.feed.blocks().count() == 60);
  CHECK(reader.seen<PeerRejected>().empty());
}

TEST_CASE("while a stream is full nothing more is made for it, and nothing is lost") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(500);
  reader.replicator.download(world.now, {});
  const auto conn = world.connect(writer, reader);
  world.run(100);
  writer.full.insert(conn);
  world.run();
  const auto served = world.count(writer, FeedMessage::data);
  CHECK(served < 100);
  writer.full.erase(conn);
  writer.replicator.note_room();
  writer.settle();
  world.run();
  check_complete(reader, writer);
}

TEST_CASE("an endless stream of requests stops being read") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(10);
  const auto conn = world.connect(writer, reader);
  world.run();
  writer.full.insert(conn);
  // Answers to the first are made ahead; the others wait.
  for (std::uint64_t id = 1; id <= kMaxReplies + kMaxWaitingRequests + 1; ++id) {
    RequestMessage request;
    request.id = id;
    request.wanted.block = {id % 10, 0};
    REQUIRE(writer.replicator.handle_message(world.now, writer.peers[conn], 1,
                                             encode_request(request)));
  }
  writer.settle();
  CHECK(writer.held.contains(conn));
  writer.full.clear();
  writer.replicator.note_room();
  writer.settle();
  CHECK_FALSE(writer.held.contains(conn));
}

TEST_CASE("requests that nothing can answer are answered late, and end the stream at the 64th") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(10);
  const auto conn = world.connect(writer, reader);
  world.run();
  RequestMessage request;
  request.wanted.block = {3, 40};  // no such level
  for (std::size_t i = 1; i <= kMaxInvalidRequests; ++i) {
    request.id = i;
    REQUIRE(writer.replicator.handle_message(world.now, writer.peers[conn], 1,
                                             encode_request(request)));
    writer.settle();
    if (i == 1) {
      CHECK(world.count(writer, FeedMessage::no_data) == 0);
      world.advance(std::chrono::milliseconds(200));
      CHECK(world.count(writer, FeedMessage::no_data) == 1);
    }
  }
  CHECK(writer.destroyed.size() == 1);
}

TEST_CASE("bytes that are no message end the stream") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  const auto conn = world.connect(writer, reader);
  world.run();
  for (std::uint32_t type = 0; type < 9; ++type) {
    CHECK_FALSE(writer.replicator.handle_message(world.now, writer.peers[conn], type, Bytes{0xfd}));
  }
  CHECK(writer.replicator.handle_message(world.now, writer.peers[conn], 10, Bytes{0xfd}));
}

TEST_CASE("two sides that want nothing close the channel, one that seeds keeps it") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(5);
  writer.replicator.set_keep_open(false);
  reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.run();
  check_complete(reader, writer);
  CHECK(writer.peers.size() == 1);  // interest lingers
  world.advance(kInterestLinger);
  world.run();
  CHECK(writer.peers.empty());
  CHECK(reader.peers.empty());
}

TEST_CASE("an empty feed is complete only after a while") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.run();
  CHECK(reader.seen<InSync>().empty());
  CHECK(reader.feed.has_manifest());
  world.advance(kEmptyFeedWait);
  REQUIRE(reader.seen<InSync>().size() == 1);
  CHECK(reader.seen<InSync>()[0].length == 0);
}

TEST_CASE("an empty feed is complete at once when all who could have it were asked and say so") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& mute = world.add_writer();
  auto& reader = world.add_reader("reader");
  world.on_send = [&](Side& from, ReplicatorWorld::Message&) { return &from != &mute; };
  const auto download = reader.replicator.download(world.now, {});
  const auto conn = world.connect(mute, reader);
  world.connect(writer, reader);
  world.run();
  reader.replicator.note_all_asked(download);
  world.run();
  CHECK(reader.replicator.state_of(download)->unheard == 1);
  CHECK(reader.seen<InSync>().empty());
  world.disconnect(conn);
  world.run();
  CHECK(reader.seen<InSync>().size() == 1);
}

TEST_CASE("a reader that follows forks has the new history after a truncation") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  reader.feed.allow_forks(true);
  writer.grow_to(100);
  reader.replicator.download(world.now, {.start = 0, .end = {}, .follow = true});
  world.connect(writer, reader);
  world.run();
  reader.events.clear();
  REQUIRE(writer.feed.truncate(60, world.key));
  writer.settle();
  writer.grow_to(80);
  for (std::size_t n = 0; n < 100; ++n) {
    world.run(1);
    // What is said to be complete is.
    for (const auto& synced : reader.seen<InSync>()) {
      CHECK(reader.feed.contiguous_length() >= synced.length);
    }
  }
  CHECK(reader.feed.fork() == 1);
  check_complete(reader, writer);
  CHECK(reader.seen<PeerRejected>().empty());
}

TEST_CASE("a reader that does not follow forks keeps what it has") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(100);
  reader.replicator.download(world.now, {.start = 0, .end = {}, .follow = true});
  world.connect(writer, reader);
  world.run();
  REQUIRE(writer.feed.truncate(60, world.key));
  writer.settle();
  world.run();
  CHECK(reader.feed.fork() == 0);
  CHECK(reader.feed.contiguous_length() == 100);
  REQUIRE(reader.seen<LaterForkProved>().size() == 1);
  CHECK(reader.seen<LaterForkProved>()[0].fork == 1);
  CHECK(world.count(reader, FeedMessage::request) < 110);
}
